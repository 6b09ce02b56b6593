#include "backend/cuda/cuda_trainer.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "backend/cuda/batch_loop.hpp"
#include "backend/cuda/device_plan.hpp"
#include "backend/cuda/input_counts.hpp"
#include "backend/cuda/resident_loop.hpp"
#include "backend/cuda/resident_plan.hpp"
#include "backend/cuda/sample_space_runs.hpp"
#include "backend/cuda/weight_space_runs.hpp"
#include "model/metric/list.hpp"

namespace fasweep {
namespace {

/// Most host memory that the problems of one call may take.
constexpr double host_bytes = 1 << 30;

void append(std::vector<RunRecord>& records, std::vector<RunRecord> more) {
  std::move(more.begin(), more.end(), std::back_inserter(records));
}

class CudaTrainer final : public Trainer {
 public:
  CudaTrainer(int device, std::unique_ptr<Trainer> others, GpuArithmetic arithmetic)
      : others_(std::move(others)),
        arithmetic_(arithmetic),
        has_products_(why_no_products().empty()),
        clock_(DeviceClock::of(device)) {
    select_device(device);
    const DeviceInfo info = describe_device(device);
    shared_bytes_ = info.shared_bytes_a_block;
    multiprocessors_ = info.multiprocessors;
    compute_capability_ = info.compute_capability;
    stream_.emplace();
  }

  [[nodiscard]] std::vector<RunRecord> train(const TrainingRequest& request) override {
    return train_together({&request, 1});
  }

  [[nodiscard]] int problems_at_once(const DataSettings& data, int width) const override {
    const double rows = data.source == DataSource::teacher ? static_cast<double>(data.samples) + data.test_samples : 0;
    const double bytes = sizeof(double) * (rows + width) * (data.inputs + 2.0);
    return std::clamp(static_cast<int>(host_bytes / bytes), 1, runs_to_fill(resident_blocks(), width));
  }

  [[nodiscard]] std::vector<RunRecord> train_together(std::span<const TrainingRequest> requests) override {
    /// A request with the settings, and what trains on the device by solver and the step it begins at.
    struct Group {
      const TrainingRequest* settings;
      std::map<std::pair<Solver, std::int64_t>, std::vector<BatchMember>> ours;
      std::vector<BatchMember> resident;
      std::vector<BatchMember> theirs;
    };
    std::vector<Group> groups;
    for (const TrainingRequest& request : requests) {
      auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& other) {
        return &other.settings->training == &request.training && &other.settings->record == &request.record;
      });
      if (group == groups.end()) {
        group = groups.insert(group, {&request, {}, {}, {}});
      }
      const bool may_stay = may_stay_on_chip(request);
      const bool sees_steps = !why_left_to_cpu(request.record.metrics).empty();
      for (const RunSpec& run : request.runs) {
        const Solver solver = sees_steps ? Solver::automatic
                                         : choose_device_solver(request.data, request.training, request.solver, run,
                                                                {shared_bytes_, has_products_});
        if (solver == Solver::automatic) {
          group->theirs.push_back({&request.problem, &run});
          continue;
        }
        if (solver == Solver::sample_space && may_stay) {
          group->resident.push_back(find_saved(request, run, solver, fast_mark));
          continue;
        }
        BatchMember member = find_saved(request, run, solver, mark_of(solver, request.problem));
        group->ours[{solver, member.step}].push_back(std::move(member));
      }
    }
    std::vector<RunRecord> records;
    for (Group& group : groups) {
      append(records, train_there(*group.settings, group.theirs));
      append(records, train_on_chip(*group.settings, group.resident));
      for (auto& [key, members] : group.ours) {
        append(records, train_here(*group.settings, key.first, members));
      }
    }
    return in_order(requests, std::move(records));
  }

 private:
  [[nodiscard]] int resident_blocks() const { return multiprocessors_ * blocks_a_multiprocessor; }

  static BatchShape shape_of(const Problem& problem) {
    return {problem.samples, problem.samples + problem.test_samples, problem.width};
  }

  [[nodiscard]] bool may_stay_on_chip(const TrainingRequest& request) const {
    if (arithmetic_ == GpuArithmetic::exact || request.problem.dataset != nullptr ||
        !is_for_resident(request.training) ||
        !measure_resident(shape_of(request.problem), shared_bytes_, compute_capability_)) {
      return false;
    }
    const std::vector<int>& metrics = request.record.metrics;
    const bool sees_change =
        std::any_of(metrics.begin(), metrics.end(), [](int m) { return (traits_of(m) & sees_hidden_change) != 0; });
    return !sees_change || gram_condition(request.problem) <= worst_resident_condition;
  }

  /// In batches that fit; the device takes their runs one after the other.
  [[nodiscard]] std::vector<RunRecord> train_on_chip(const TrainingRequest& settings, std::span<BatchMember> members) {
    std::vector<RunRecord> records;
    auto most = members.size();
    while (!members.empty()) {
      const Problem& problem = *members[0].problem;
      ResidentBatch sizes = *measure_resident(shape_of(problem), shared_bytes_, compute_capability_);
      sizes.clusters = 1;
      const int at_once = count_resident_clusters(members[0].run->activation, sizes);
      most = std::min({most, members.size(), runs_that_stay(settings, sizes)});
      if (at_once == 0 || most == 0) {
        append(records, train_here(settings, Solver::sample_space, members));
        return records;
      }
      const std::span<const BatchMember> now = members.first(most);
      sizes.clusters = std::min(at_once, static_cast<int>(now.size()));
      try {
        std::vector<ResidentStart> starts;
        for (const Problem* each : parts_of(now).problems) {
          starts.emplace_back(*each, sizes.depth_tiles, sizes.column_tiles);
        }
        append(records, train_resident(*stream_, clock_, settings, now, sizes, starts));
        members = members.subspan(now.size());
        most = members.size();
      } catch (const DeviceMemoryError&) {
        most /= 2;  // someone else took the memory meanwhile
      } catch (const TransportError& error) {
        start_anew(members, *settings.checkpoints, error);
      }
    }
    return records;
  }

  /// Most runs whose batch leaves a tenth of the free memory free whatever their problems.
  static std::size_t runs_that_stay(const TrainingRequest& settings, const ResidentBatch& sizes) {
    const std::size_t records = settings.record.steps.size();
    const std::size_t fixed = resident_bytes(sizes, settings.training, 0, 0, records);
    const std::size_t each = resident_bytes(sizes, settings.training, 1, 1, records) - fixed;
    const std::size_t usable = free_device_memory() / 10 * 9;
    return usable > fixed ? (usable - fixed) / each : 0;
  }

  /// In batches that fill the device and fit; what fits in no way goes to the other trainer.
  [[nodiscard]] std::vector<RunRecord> train_here(const TrainingRequest& settings, Solver solver,
                                                  std::span<BatchMember> members) {
    std::vector<RunRecord> records;
    int most = static_cast<int>(members.size());
    while (!members.empty()) {
      try {
        const int wanted = std::min(most, static_cast<int>(members.size()));
        const int fitting = choose_batch(settings, solver, *members[0].problem, wanted);
        if (fitting == 0) {
          append(records, train_there(settings, members));
          return records;
        }
        most = fitting;
        const std::span<const BatchMember> now = members.first(static_cast<std::size_t>(fitting));
        append(records, train_batch(settings, now, solver, mark_of(solver, *now[0].problem),
                                    *make_batch(settings, solver, now), clock_));
        members = members.subspan(now.size());
        most = static_cast<int>(members.size());
      } catch (const DeviceMemoryError&) {
        most /= 2;  // someone else took the memory meanwhile
      } catch (const TransportError& error) {
        start_anew(members, *settings.checkpoints, error);
      }
    }
    return records;
  }

  /// How many of `runs` runs the next batch takes: equal batches, none larger than fills or fits the device. 0: none
  /// fits.
  [[nodiscard]] int choose_batch(const TrainingRequest& settings, Solver solver, const Problem& problem, int runs) {
    if (runs == 0) {
      return 0;
    }
    if (solver == Solver::sample_space) {
      const BatchShape shape = shape_of(problem);
      const int batches = divide_up(runs, runs_to_fill(resident_blocks(), problem.width));
      return runs_that_fit(free_device_memory(), shape, divide_up(runs, batches));
    }
    if (!load_dataset(problem)) {
      return 0;
    }
    const WeightSpaceShape shape = weight_space_shape(settings.data, settings.training, settings.record.metrics,
                                                      problem.width, input_unit(problem).has_value());
    const int batches = divide_up(runs, runs_to_fill(multiprocessors_, shape));
    return runs_that_fit(free_device_memory(), shape, divide_up(runs, batches));
  }

  [[nodiscard]] std::unique_ptr<RunBatch> make_batch(const TrainingRequest& settings, Solver solver,
                                                     std::span<const BatchMember> members) {
    const BatchParts parts = parts_of(members);
    const int activation = members[0].run->activation;
    if (solver == Solver::sample_space) {
      return std::make_unique<SampleSpaceRuns>(*stream_, activation, parts.problems, parts.runs);
    }
    return std::make_unique<WeightSpaceRuns>(*stream_, settings, activation, parts.problems, parts.runs,
                                             members[0].problem->dataset == nullptr ? nullptr : &*dataset_);
  }

  /// The unit of the problem's inputs if its products are of 16-bit factors: the device has tensor cores for them, and
  /// they are asked for.
  [[nodiscard]] std::optional<double> input_unit(const Problem& problem) {
    if (arithmetic_ == GpuArithmetic::exact || compute_capability_ < least_half_capability ||
        problem.dataset == nullptr || problem.outputs > most_half_outputs) {
      return std::nullopt;
    }
    if (looked_at_ != problem.dataset) {
      unit_ = find_input_unit(*problem.dataset);
      looked_at_ = problem.dataset;
    }
    return unit_;
  }
  [[nodiscard]] std::int32_t mark_of(Solver solver, const Problem& problem) {
    return solver == Solver::weight_space && input_unit(problem) ? fast_mark : device_mark;
  }

  /// Brings the problem's data set, if it has one, to the device once. Returns whether it is on the device.
  [[nodiscard]] bool load_dataset(const Problem& problem) {
    if (problem.dataset == nullptr || (dataset_ && dataset_->source() == problem.dataset)) {
      return true;
    }
    dataset_.reset();
    try {
      dataset_.emplace(*problem.dataset, input_unit(problem), *stream_);
    } catch (const DeviceMemoryError&) {
      return false;
    }
    return true;
  }

  [[nodiscard]] std::vector<RunRecord> train_there(const TrainingRequest& settings,
                                                   std::span<const BatchMember> members) {
    std::vector<RunRecord> records;
    for (auto first = members.begin(); first != members.end();) {
      const auto end = std::find_if(first, members.end(),
                                    [&](const BatchMember& member) { return member.problem != first->problem; });
      std::vector<RunSpec> runs;
      std::transform(first, end, std::back_inserter(runs), [](const BatchMember& member) { return *member.run; });
      append(records,
             others_->train({*first->problem, settings.data, settings.training, settings.record, runs, settings.solver,
                             settings.cancelled, settings.checkpoints, settings.listener, nullptr, settings.visitor}));
      first = end;
    }
    return records;
  }

  static std::vector<RunRecord> in_order(std::span<const TrainingRequest> requests, std::vector<RunRecord> records) {
    std::vector<RunRecord> ordered;
    for (const TrainingRequest& request : requests) {
      for (const RunSpec& run : request.runs) {
        const auto found = std::find_if(records.begin(), records.end(),
                                        [&](const RunRecord& record) { return record.run == run.run; });
        ordered.push_back(std::move(*found));
      }
    }
    return ordered;
  }

  std::unique_ptr<Trainer> others_;
  GpuArithmetic arithmetic_;
  bool has_products_;
  DeviceClock& clock_;
  int shared_bytes_ = 0;
  int multiprocessors_ = 0;
  int compute_capability_ = 0;
  std::optional<Stream> stream_;  // made once the device is selected
  std::optional<DeviceDataset> dataset_;
  const Dataset* looked_at_ = nullptr;
  std::optional<double> unit_;  // of its inputs
};

}  // namespace

bool has_cuda() {
  return true;
}

int count_cuda_devices() {
  return count_devices();
}

CudaDeviceName name_cuda_device(int device) {
  const DeviceInfo info = describe_device(device);
  return {info.name + ", " + info.uuid + ", PCI " + info.pci_id, info.uuid};
}

DeviceLimits describe_limits(int device) {
  return {describe_device(device).shared_bytes_a_block, why_no_products().empty()};
}

std::unique_ptr<Trainer> make_cuda_trainer(int device, std::unique_ptr<Trainer> others, GpuArithmetic arithmetic) {
  return std::make_unique<CudaTrainer>(device, std::move(others), arithmetic);
}

}  // namespace fasweep
