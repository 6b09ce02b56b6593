// fasweep run: sets up store, transport and trainers for a sweep and turns its outcome into an exit code.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <limits>
#include <memory>

#include "backend/cpu/instruction_set.hpp"
#include "backend/cuda/cuda_trainer.hpp"
#include "backend/cuda/device_plan.hpp"
#include "cli/arguments.hpp"
#include "cli/format.hpp"
#include "cli/isa.hpp"
#include "cli/message.hpp"
#include "cli/progress_line.hpp"
#include "cli/session.hpp"
#include "cli/signals.hpp"
#include "cluster/local_transport.hpp"
#include "cluster/mpi_transport.hpp"
#include "cluster/sweep_runner.hpp"
#include "data/load_dataset.hpp"
#include "data/share_dataset.hpp"
#include "reference/first_step.hpp"
#include "store/checkpoint_files.hpp"
#include "store/result_store.hpp"
#include "store/state_file.hpp"
#include "sweep/plan.hpp"
#include "util/error.hpp"
#include "util/machine_limits.hpp"
#include "util/stopwatch.hpp"
#include "util/text.hpp"

namespace fasweep::cli {
namespace {

enum class Backend { automatic, cpu, cuda };
constexpr std::array<std::string_view, 3> backend_names{"auto", "cpu", "cuda"};
constexpr std::array<std::string_view, 3> retry_names{"failed", "diverged", "all"};

/// Flop per second that a GPU is believed to do until it has shown: a guess too low would begin with runs too few to
/// fill it.
constexpr double first_device_rate = 1e13;

/// What the command line of `run` says, checked.
struct RunOptions {
  std::string job_path;
  std::string file;
  KeyValues overrides;
  Solver solver = Solver::automatic;
  GpuArithmetic arithmetic = GpuArithmetic::fast;
  std::string isa;  // wanted; empty: as choose_isa() finds it
  Shard shard;
  std::optional<int> workers;  // that train on a core each; none: what the process may use
  std::string workers_origin = "--workers";
  std::vector<int> devices;  // CUDA devices of this rank; none: train on the CPU
  double time_limit_s = std::numeric_limits<double>::infinity();
  std::string time_limit_origin;  // what sets it, for people
  std::optional<double> batch_seconds;
  double sync_seconds = 0;
  double publish_seconds = 0;
  double lost_after_seconds = 0;
  double checkpoint_seconds = 0;  // 0: none
  std::set<RunStatus> retry;
  bool json = false;
};

void add_options(ArgumentGrammar& grammar) {
  using program_options::value;
  grammar.options.add_options()("output,o", value<std::string>()->required(), "the result file, FILE.h5")(
      "set", value<std::vector<std::string>>()->composing(),
      "section.key=value in place of the job file's; may be repeated")(
      "backend", value<std::string>()->default_value("auto"), join(backend_names, ", ").c_str())(
      "solver", value<std::string>()->default_value("auto"), join(solver_names, ", ").c_str())(
      "gpu-arithmetic", value<std::string>()->default_value("fast"),
      (join(gpu_arithmetic_names, ", ") + "; fast uses tensor cores in sample space and on pixels, to float32's "
                                          "accuracy; exact gives the bits of `selftest`")
          .c_str())("workers", value<int>(),
                    "worker threads on each rank that train on a core, besides two for each GPU, and take the runs "
                    "that GPUs do not; default: with several ranks SLURM_CPUS_PER_TASK or 1, else every core that the "
                    "process may use, less two per GPU; 0: only GPUs train")(
      "time-limit", value<std::string>(),
      "stop cleanly after this long, and start nothing that would be lost then: 90s, 15m, 2h, 1:30:00; a Slurm time "
      "limit is detected automatically")(
      "batch-seconds", value<double>(),
      ("target training time per batch of runs, by default " + format_real(MasterOptions{}.batch_seconds) +
       ", on GPUs " + format_real(MasterOptions{}.device_batch_seconds) + "; results do not depend on it")
          .c_str())("sync-seconds", value<double>()->default_value(StoreOptions{}.sync_interval_s),
                    "force results to disk at least this often; a crash of the machine loses no more")(
      "publish-seconds", value<double>()->default_value(StoreOptions{}.first_publish_s),
      "first snapshot of FILE.h5 after this long; later ones at growing intervals")(
      "lost-after-seconds", value<double>()->default_value(MasterOptions{}.lost_after_s),
      "declare a rank lost after this many seconds of silence, and let the others train its runs")(
      "checkpoint-seconds", value<double>()->default_value(300),
      "checkpoint each long run at this interval, in seconds; 0: never")(
      "shard", value<std::string>(), "I/N: train only part I (from 0) of N, for independent jobs; see fasweep merge")(
      "retry", value<std::string>(), ("retrain runs that ended as: " + join(retry_names, ", ")).c_str())(
      "json", "progress as JSON lines on standard error");
  grammar.options.add_options()("reproducible",
                                "the same bits on every x86-64 processor: --isa v3, and no run on a GPU");
  add_isa_option(grammar);
  grammar.add_positional("job");
  grammar.epilog =
      "\nEvery option has an environment variable, e.g. FASWEEP_WORKERS; the flag wins.\n"
      "Run the same command again to continue an interrupted sweep; a job with a larger grid extends the file.\n"
      "HUP, USR1, USR2, INT and TERM stop early and keep what is done (exit 75); a second INT or TERM stops at once.\n";
}

Shard read_shard(const std::string& text) {
  const std::vector<std::string_view> parts = split(text, '/');
  const auto index = parse_integer(parts.front());
  const auto count = parse_integer(parts.back());
  constexpr std::int64_t most = 1'000'000;
  if (parts.size() != 2 || !index || !count || *count < 1 || *count > most || *index < 0 || *index >= *count) {
    throw ConfigError("option '--shard' = '" + text +
                      "' is not accepted (no such part of a sweep); write I/N with N from 1 to " +
                      std::to_string(most) + " and I from 0 to N-1, such as 0/4");
  }
  return {*index, *count};
}

double read_seconds(const program_options::variables_map& values, const std::string& name, double least = 0) {
  const double seconds = values[name].as<double>();
  if (!(seconds >= least)) {
    throw ConfigError("option '--" + name + "' = '" + format_real(seconds) +
                      "' is not accepted (not a time, or too short); write seconds, " + format_real(least) +
                      " or more");
  }
  return seconds;
}

std::set<RunStatus> read_retry(const std::string& text) {
  std::set<RunStatus> retry;
  for (const std::string_view name : split(text, ',')) {
    switch (parse_choice("--retry", name, retry_names)) {
      case 0:
        retry.insert(RunStatus::failed);
        break;
      case 1:
        retry.insert(RunStatus::diverged);
        break;
      default:
        retry.insert({RunStatus::failed, RunStatus::diverged});
    }
  }
  return retry;
}

constexpr const char* slurm_end_variable = "SLURM_JOB_END_TIME";

/// Seconds until Slurm ends the job, negative once it should have ended; infinity outside Slurm.
double slurm_time_left() {
  const char* end = std::getenv(slurm_end_variable);
  const std::optional<std::int64_t> end_time = end == nullptr ? std::nullopt : parse_integer(end);
  if (!end_time) {
    return std::numeric_limits<double>::infinity();
  }
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  return static_cast<double>(*end_time) - now;
}

/// The nearer of the limit asked for and the end of the Slurm job. An end in the past is that of another job, as a
/// terminal has it that was opened in an allocation long over.
void set_time_limit(const program_options::variables_map& values, RunOptions& options) {
  if (values.count("time-limit") > 0) {
    const std::string text = values["time-limit"].as<std::string>();
    options.time_limit_s = parse_duration(text);
    options.time_limit_origin = "--time-limit = " + text;
  }
  constexpr double margin_s = 30;  // to drain in
  const double slurm_left_s = slurm_time_left();
  if (slurm_left_s >= 0 && slurm_left_s - margin_s < options.time_limit_s) {
    options.time_limit_s = std::max(slurm_left_s - margin_s, 0.0);
    options.time_limit_origin = std::string(slurm_end_variable) + ", the end of the Slurm job";
  }
}

/// A number that the launcher sets, under whichever of the names it uses.
int launcher_number(std::initializer_list<const char*> names, int otherwise) {
  for (const char* name : names) {
    const char* text = std::getenv(name);
    if (const std::optional<std::int64_t> number = text == nullptr ? std::nullopt : parse_integer(text)) {
      return static_cast<int>(*number);
    }
  }
  return otherwise;
}

/// The CUDA devices this rank trains on. If CUDA is requested but there is no device, it says so and returns none.
std::vector<int> find_devices(Backend backend) {
  if (backend == Backend::cuda && !has_cuda()) {
    throw ConfigError(
        "option '--backend' = 'cuda' is not accepted (this program was built without CUDA); use auto or cpu, or build "
        "with nvcc");
  }
  const int devices = backend == Backend::cpu ? 0 : count_cuda_devices();
  if (backend == Backend::cuda && devices == 0) {
    print_message("no CUDA device (none visible, or no driver); training on the CPU");
  }
  if (devices > 0 && !why_no_products().empty()) {
    print_message(why_no_products() + "; runs in weight space are trained on the CPU");
  }
  const int rank = launcher_number({"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"}, 0);
  const int ranks = launcher_number({"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"}, rank + 1);
  return choose_devices(rank, ranks, devices);
}

/// What --reproducible means.
void make_reproducible(Backend& backend, RunOptions& options) {
  constexpr std::string_view lowest = "v3";
  const auto refuse = [](const std::string& why, const std::string& what_to_do) {
    throw ConfigError("option '--reproducible' is not accepted (" + why + "); " + what_to_do);
  };
  if (instruction_sets().front().name != lowest) {
    refuse("this program was built for " + std::string(instruction_sets().front().name) + " alone",
           "build it with FASWEEP_ARCH='x86-64-v3;x86-64-v4'");
  }
  if (!options.isa.empty() && options.isa != lowest) {
    refuse("--isa " + options.isa + " gives other bits than --isa v3", "leave one of the two out");
  }
  if (backend == Backend::cuda) {
    refuse("GPUs give other bits than processors", "leave it or --backend cuda out");
  }
  options.isa = lowest;
  backend = Backend::cpu;
}

RunOptions read_options(const program_options::variables_map& values) {
  RunOptions options;
  options.job_path = input_path(values, "job");
  options.file = output_path(values);
  if (values.count("set") > 0) {
    options.overrides = read_overrides(values["set"].as<std::vector<std::string>>());
  }
  auto backend = static_cast<Backend>(parse_choice("--backend", values["backend"].as<std::string>(), backend_names));
  options.isa = read_isa(values);
  if (values.count("reproducible") > 0) {
    make_reproducible(backend, options);
  }
  options.devices = find_devices(backend);
  options.arithmetic = static_cast<GpuArithmetic>(
      parse_choice("--gpu-arithmetic", values["gpu-arithmetic"].as<std::string>(), gpu_arithmetic_names));
  options.solver = static_cast<Solver>(parse_choice("--solver", values["solver"].as<std::string>(), solver_names));
  if (values.count("workers") > 0) {
    options.workers = values["workers"].as<int>();
    const int least = options.devices.empty() ? 1 : 0;
    if (*options.workers < least || *options.workers > most_workers) {
      throw ConfigError("option '--workers' = '" + std::to_string(*options.workers) +
                        "' is not accepted (no such number of threads); write " + std::to_string(least) + ".." +
                        std::to_string(most_workers));
    }
  }
  set_time_limit(values, options);
  if (values.count("batch-seconds") > 0) {
    options.batch_seconds = read_seconds(values, "batch-seconds");
  }
  options.sync_seconds = read_seconds(values, "sync-seconds");
  options.publish_seconds = read_seconds(values, "publish-seconds");
  options.lost_after_seconds = read_seconds(values, "lost-after-seconds", 1);
  options.checkpoint_seconds = read_seconds(values, "checkpoint-seconds");
  if (values.count("shard") > 0) {
    options.shard = read_shard(values["shard"].as<std::string>());
  }
  if (values.count("retry") > 0) {
    options.retry = read_retry(values["retry"].as<std::string>());
  }
  options.json = values.count("json") > 0;
  return options;
}

/// A grid whose workers on a node do not fit into the memory they may use is refused before anything starts.
void check_memory(const Plan& plan, std::span<const Dataset> datasets, int workers) {
  const PlanSize size = measure_plan(plan, datasets);
  const double needed =
      static_cast<double>(size.worker_bytes) * workers + static_cast<double>(size.data_bytes + size.master_bytes);
  const Limit there = memory_limit();
  if (needed > 0.9 * there.value) {
    throw ConfigError("the plan needs " + format_bytes(needed) + " of memory for " + std::to_string(workers) +
                      " workers and its book-keeping (the limit is " + format_bytes(there.value) + ", " + there.origin +
                      "); use fewer --workers or smaller widths, or split the grid");
  }
}

/// Threads of this rank.
int count_threads(const RunOptions& options) {
  return *options.workers + workers_a_device * static_cast<int>(options.devices.size());
}

/// How many train, and why not more or fewer.
void report_workers(const RunOptions& options, const Transport& transport) {
  const Limit memory = memory_limit();
  std::string ranks;
  if (transport.size() > 1) {
    ranks = " on each of " + std::to_string(transport.size()) + " ranks";
  }
  std::string devices;
  if (!options.devices.empty()) {
    devices = ", " + std::to_string(workers_a_device) + " more for each of " + std::to_string(options.devices.size()) +
              (options.devices.size() == 1 ? " GPU" : " GPUs");
  }
  print_line(std::to_string(*options.workers) + (*options.workers == 1 ? " worker" : " workers") + ranks + " (" +
             options.workers_origin + ")" + devices + ", " + format_bytes(memory.value) + " of memory (" +
             memory.origin + ")");
}

/// Says how far the reading of a long journal has come. A request to stop ends it: nothing has been changed.
std::function<void(std::int64_t, std::int64_t)> replay_listener(const std::string& file) {
  constexpr double interval_s = 2;
  return [file, since_told = Stopwatch()](std::int64_t bytes, std::int64_t of_bytes) mutable {
    if (stop_request() > 0) {
      throw StoreError("stopped while reading the journal of '" + file +
                       "' (by a signal); run the same command again to continue");
    }
    if (since_told.seconds() >= interval_s) {
      print_message("reading the journal of '" + file + "', " + format_bytes(static_cast<double>(bytes)) + " of " +
                    format_bytes(static_cast<double>(of_bytes)));
      since_told.restart();
    }
  };
}

/// Says how far the runs of a very large grid have been put in order. A request to stop ends it.
std::function<void(std::int64_t)> queue_listener(std::int64_t all) {
  constexpr double interval_s = 2;
  return [all, since_told = Stopwatch()](std::int64_t runs) mutable {
    if (stop_request() > 0) {
      throw StoreError("stopped by signal " + stop_signal_name() +
                       " while the runs were put in order; run the same command again to continue");
    }
    if (since_told.seconds() >= interval_s) {
      print_message("putting the runs in order, " + std::to_string(runs) + " of " + std::to_string(all));
      since_told.restart();
    }
  };
}

/// What was understood of a data set, and what is doubtful about it.
void report_data(const DataReport& report) {
  print_line(report.understood);
  print_warnings(report);
}

/// Makes the trainer of each worker thread of this rank: those of the devices first, then those of the cores.
TrainerFactory trainer_factory(const RunOptions& options, const InstructionSet& isa) {
  return [devices = options.devices, arithmetic = options.arithmetic, make_trainer = isa.make_trainer](int worker) {
    const auto number = static_cast<std::size_t>(worker);
    return number >= workers_a_device * devices.size()
               ? make_trainer()
               : make_cuda_trainer(devices[number % devices.size()], make_trainer(), arithmetic);
  };
}

/// Which runs the devices train, by what the first of this rank can.
std::function<bool(std::int64_t)> find_device_runs(const RunOptions& options, const Plan& plan) {
  if (options.devices.empty()) {
    return {};
  }
  if (!why_left_to_cpu(plan.metrics()).empty()) {
    return [](std::int64_t /*run*/) { return false; };
  }
  return [&plan, limits = describe_limits(options.devices.front())](std::int64_t run) {
    Point point = plan.point(run);
    const RunSpec spec = point.run;
    const RunSettings settings = plan.settings(std::move(point));
    return choose_device_solver(settings.data, settings.training, plan.wanted_solver(), spec, limits) !=
           Solver::automatic;
  };
}

/// Nothing when they are switched off.
std::unique_ptr<Checkpoints> make_checkpoints(const RunOptions& options, const Plan& plan) {
  return options.checkpoint_seconds > 0
             ? std::make_unique<CheckpointFiles>(options.file, plan, options.checkpoint_seconds, print_message)
             : nullptr;
}

/// Whether ranks may share a GPU at no loss: the daemon of NVIDIA's Multi-Process Service keeps a pipe.
bool mps_is_running() {
  const char* folder = std::getenv("CUDA_MPS_PIPE_DIRECTORY");
  std::error_code error;
  return std::filesystem::exists(std::filesystem::path(folder == nullptr ? "/tmp/nvidia-mps" : folder) / "control",
                                 error);
}

/// Names this rank's GPUs in the provenance, and as its own unless MPS lets ranks share them.
void name_devices(const std::vector<int>& devices, SweepOptions& sweep) {
  const bool may_share = !devices.empty() && mps_is_running();
  for (const int device : devices) {
    const CudaDeviceName name = name_cuda_device(device);
    sweep.description += "; device " + std::to_string(device) + ": " + name.text;
    if (!may_share) {
      sweep.devices.push_back(name.uuid);
    }
  }
}

SweepOptions make_sweep_options(const RunOptions& options, const Plan& plan, std::span<const Dataset> datasets,
                                std::span<const InitialState> states, const InstructionSet& isa,
                                Checkpoints* checkpoints, ProgressStyle style) {
  constexpr double heartbeats_until_lost = 10;
  SweepOptions sweep;
  sweep.workers = *options.workers;
  sweep.device_count = static_cast<int>(options.devices.size());
  sweep.device_rate = first_device_rate;
  sweep.datasets = datasets;
  sweep.states = states;
  sweep.checkpoints = checkpoints;
  static const PlainFirstStep first_step;
  sweep.first_step = &first_step;
  if (checkpoints != nullptr) {
    sweep.master.saved_after_s = least_saved_s(checkpoints->interval_s());
  }
  sweep.stop_request = stop_request;
  sweep.master.batch_seconds = options.batch_seconds.value_or(sweep.master.batch_seconds);
  sweep.master.device_batch_seconds = options.batch_seconds.value_or(sweep.master.device_batch_seconds);
  sweep.master.lost_after_s = options.lost_after_seconds;
  sweep.heartbeat_s = std::min(sweep.heartbeat_s, options.lost_after_seconds / heartbeats_until_lost);
  sweep.master.warn = print_message;
  sweep.time_limit_s = options.time_limit_s;
  sweep.on_progress = [style](const Progress& progress) { show_progress(style, progress); };
  sweep.progress_interval_s = progress_interval(style);
  sweep.master.device_takes = find_device_runs(options, plan);
  sweep.description = host_name() + ", " + std::to_string(*options.workers) + " cpu workers" + isa_note(isa.name);
  if (!options.devices.empty()) {
    sweep.description += ", " + std::to_string(count_threads(options) - *options.workers) + " cuda workers, " +
                         std::string(gpu_arithmetic_names[static_cast<std::size_t>(options.arithmetic)]) +
                         " arithmetic";
  }
  name_devices(options.devices, sweep);
  return sweep;
}

std::string why_stopped(SweepEnd end, const RunOptions& options) {
  switch (end) {
    case SweepEnd::stop_request:
      return " by signal " + stop_signal_name();
    case SweepEnd::time_limit:
      return " by the time limit (" + options.time_limit_origin + ")";
    case SweepEnd::no_workers:
      return " because no worker is left";
    default:
      return "";
  }
}

/// Which ranks are gone; empty if none is.
std::string without(const std::vector<int>& lost_ranks) {
  if (lost_ranks.empty()) {
    return "";
  }
  std::string names;
  for (const int rank : lost_ranks) {
    names += (names.empty() ? "" : ", ") + std::to_string(rank);
  }
  return ", without rank " + names + ", lost on the way (where the launcher waits for it, kill -9 it on its node)";
}

/// The last line of a start. It says what ended it and what to do.
int report_end(const ResultStore& store, const RunOptions& options, std::int64_t runs, const SweepResult& result = {}) {
  const auto counts = store.counts();
  const auto count = [&](RunStatus status) { return counts[static_cast<std::size_t>(status)]; };
  std::cerr << presentable(options.file) << ": " << runs - count(RunStatus::pending) << " of " << runs << " runs";
  for (const RunStatus status : {RunStatus::failed, RunStatus::diverged}) {
    if (count(status) > 0) {
      std::cerr << ", " << count(status) << " " << name_of(status);
    }
  }
  if (!store.complete()) {
    std::cerr << "; stopped early" << why_stopped(result.end, options) << without(result.lost_ranks)
              << ", run the same command again to continue\n";
    return stopped_early;
  }
  if (options.shard.count > 1) {
    std::cerr << "; shard " << options.shard.index << "/" << options.shard.count << " is";
  } else {
    std::cerr << ";";
  }
  std::cerr << " complete";
  if (count(RunStatus::diverged) == runs - count(RunStatus::pending)) {
    std::cerr << ", but " << all_diverged;
  }
  std::cerr << without(result.lost_ranks);
  std::cerr << "\n";
  return count(RunStatus::failed) > 0 ? runs_failed : success;
}

/// What `read` returns, of which a node's first rank keeps a copy that the node's other ranks use where it lies.
/// Collective over the ranks of a node. Where that cannot be had, each reads for itself.
Dataset read_once_in_node(Transport& transport, const std::function<Dataset()>& read) {
  if (transport.node_size() == 1) {
    return read();
  }
  if (transport.node_rank() > 0) {
    std::optional<Dataset> dataset = attach_dataset(transport.broadcast_in_node({}));
    return dataset ? std::move(*dataset) : read();
  }
  NamedDataset shared;
  try {
    shared = share_dataset(read());
  } catch (const ConfigError&) {
    static_cast<void>(transport.broadcast_in_node({}));  // the others find out for themselves
    throw;
  }
  static_cast<void>(transport.broadcast_in_node(shared.name));
  return shared.dataset;
}

StoreOptions make_store_options(const RunOptions& options) {
  StoreOptions store;
  store.sync_interval_s = options.sync_seconds;
  store.first_publish_s = options.publish_seconds;
  store.warn = print_message;
  store.on_replay = replay_listener(options.file);
  return store;
}

/// Rank 0: opens the store, runs the sweep, publishes the file. usable: the instruction sets that every rank has.
int run_master(Transport& transport, const RunOptions& options, std::span<const InstructionSet> usable,
               const Arguments& arguments) {
  LoadedJob loaded;
  std::optional<Plan> plan;
  std::optional<ResultStore> store;
  const InstructionSet* isa = nullptr;
  try {
    loaded = load_job(options.job_path, options.overrides);
    if (const std::optional<Job> stored = find_stored_job(options.file)) {
      loaded.job = continue_job(*stored, std::move(loaded.job));
    }
    plan.emplace(loaded.job, options.solver, options.shard);
    for (const DataReport& report : loaded.reports) {
      report_data(report);
    }
    check_memory(*plan, loaded.datasets, count_threads(options) * transport.node_size());
    StoreOptions store_options = make_store_options(options);
    store_options.retry = options.retry;
    store.emplace(options.file, *plan, store_options, make_session("run", arguments));
    if (!store->complete()) {
      isa = &choose_isa(usable, options.isa, isa_of(store->agents()));
    }
  } catch (...) {
    transport.broadcast_text({});  // the other ranks leave quietly; this one says why
    throw;
  }
  if (slurm_time_left() < 0) {
    print_message(std::string(slurm_end_variable) + " = '" + std::getenv(slurm_end_variable) +
                  "' is ignored (it is past, so it belongs to another job); unset it to silence this warning");
  }
  if (store->complete()) {
    transport.broadcast_text({});
    store->finish();  // an earlier start may have ended between the last record and the file
    return report_end(*store, options, plan->size());
  }
  report_workers(options, transport);
  transport.broadcast_text(resolved_text(plan->job()));
  static_cast<void>(transport.smallest(static_cast<int>(isa - usable.data())));
  transport.set_farewell(Farewell::at_once);  // until the sweep begins: after an error the others would wait forever
  for (Dataset& dataset : loaded.datasets) {  // in the order of data_sets_of(), as other ranks read them
    dataset = read_once_in_node(transport, [&] { return std::move(dataset); });
  }
  const ProgressStyle style = choose_progress_style(options.json);
  const TrainerFactory factory = trainer_factory(options, *isa);
  const std::unique_ptr<Checkpoints> checkpoints = make_checkpoints(options, *plan);
  SweepOptions sweep =
      make_sweep_options(options, *plan, loaded.datasets, loaded.states, *isa, checkpoints.get(), style);
  sweep.master.on_queue = queue_listener(plan->shard_size());
  const SweepResult result = run_sweep(transport, *plan, &*store, factory, sweep);
  end_progress(style);
  store->finish();
  return report_end(*store, options, plan->size(), result);
}

/// What rank 0 read too, from this node's disk. Other numbers than the plan's are refused.
template <class Read>
auto read_for_plan(Transport& transport, Read read) {
  try {
    return read();
  } catch (const ConfigError& error) {
    transport.set_farewell(Farewell::at_once);  // the others are in the sweep and would be waited for
    throw ConfigError("rank " + std::to_string(transport.rank()) + " on " + host_name() + ": " + error.what());
  }
}

std::vector<Dataset> read_data_of_plan(Transport& transport, const Job& job) {
  std::vector<Dataset> datasets;
  for (const DataSettings& data : data_sets_of(job)) {
    datasets.push_back(read_once_in_node(transport, [&] { return load_dataset(data).dataset; }));
  }
  return datasets;
}

std::vector<InitialState> read_states_of_plan(const Job& job) {
  std::vector<InitialState> states;
  for (const StateSource& source : initial_states_of(job)) {
    states.push_back(read_initial_state(source));
  }
  return states;
}

/// Every other rank: the plan comes from rank 0; an empty one means there is nothing to do. If rank 0 is lost, one of
/// them goes on with the results: what the journal does not hold is trained again.
int run_agent(Transport& transport, const RunOptions& options, std::span<const InstructionSet> usable,
              const Arguments& arguments) {
  const std::string text = transport.broadcast_text({});
  if (text.empty()) {
    return success;
  }
  // Rank 0's choice is the smallest number: the others name one that is none.
  const InstructionSet& isa = usable[static_cast<std::size_t>(transport.smallest(static_cast<int>(usable.size())))];
  const Plan plan(parse_stored_job(text, "rank 0"), options.solver);
  const std::vector<Dataset> datasets =
      read_for_plan(transport, [&] { return read_data_of_plan(transport, plan.job()); });
  const std::vector<InitialState> states = read_for_plan(transport, [&] { return read_states_of_plan(plan.job()); });
  const TrainerFactory factory = trainer_factory(options, isa);
  const std::unique_ptr<Checkpoints> checkpoints = make_checkpoints(options, plan);
  const ProgressStyle style = choose_progress_style(options.json);
  SweepOptions sweep = make_sweep_options(options, plan, datasets, states, isa, checkpoints.get(), style);
  const std::string own_name = "rank " + std::to_string(transport.rank()) + " on " + host_name();
  std::optional<ResultStore> store;
  sweep.take_over = [&]() -> RecordSink* {
    try {
      StoreOptions store_options = make_store_options(options);
      store_options.without_locks = WithoutLocks::refuse;  // the lost rank may only be slow, and still write
      store.emplace(options.file, plan, store_options, make_session("run", arguments));
    } catch (const std::exception& error) {
      print_message(own_name + " cannot take over (" + error.what() + ")");
      return nullptr;
    }
    print_message(own_name + " keeps the results from now on");
    return &*store;
  };
  const SweepResult result = run_sweep(transport, plan, nullptr, factory, sweep);
  if (result.end == SweepEnd::master_lost) {
    print_message("the rank that keeps the results is lost (" + own_name +
                  " no longer hears from it); run the same command again to continue");
    return stopped_early;
  }
  if (!store) {
    return success;
  }
  end_progress(style);
  store->finish();
  return report_end(*store, options, plan.size(), result);
}

/// Several ranks share their node's cores in a way that only Slurm tells.
Limit default_workers(const RunOptions& options, const Transport& transport) {
  Limit cores = transport.size() == 1 || slurm_core_limit() ? core_limit() : Limit{1, "one per rank"};
  if (!options.devices.empty()) {
    const auto taken = static_cast<double>(workers_a_device * options.devices.size());
    cores = {std::max(cores.value - taken, 1.0), cores.origin + ", two a GPU less"};
  }
  return cores;
}

/// Processes that a launcher started together and MPI knows nothing of: each would train everything, into one file.
/// Shards that have a file each are meant to be alone.
void require_mpi_among_tasks(const Transport& transport, const RunOptions& options, int tasks) {
  if (transport.size() > 1 || tasks <= 1 || options.shard.count > 1) {
    return;
  }
  const auto text_of = [](const char* variable) {
    const char* text = std::getenv(variable);
    return std::string(text == nullptr ? "?" : text);
  };
  const int task = launcher_number({"PMI_RANK", "SLURM_PROCID"}, 0);
  const bool is_slurm = std::getenv("SLURM_STEP_ID") != nullptr;
  throw ConfigError(
      "task " + std::to_string(task) + " of " + std::to_string(tasks) +
      (is_slurm ? " of Slurm step " + text_of("SLURM_JOB_ID") + "." + text_of("SLURM_STEP_ID") : "") +
      " has no MPI (the tasks would not know of each other, and all write '" + options.file + "'); " +
      (is_slurm ? "start them with srun --mpi=pmix or mpirun" : "start them with the mpirun of " + mpi_version()) +
      ", one task alone, or each with its own --shard and file");
}

}  // namespace

int run_command(const Arguments& arguments) {
  ArgumentGrammar grammar("run");
  add_options(grammar);
  const auto [values, helped] = read_arguments(grammar, arguments);
  if (helped) {
    return success;
  }
  RunOptions options = read_options(values);
  install_signal_handlers();
  const int tasks = launcher_number({"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}, 1);
  const std::unique_ptr<Transport> transport = launched_by_mpi() ? make_mpi_transport() : make_single_transport();
  require_mpi_among_tasks(*transport, options, tasks);
  if (!options.workers) {
    const Limit workers = default_workers(options, *transport);
    options.workers = static_cast<int>(workers.value);
    options.workers_origin = workers.origin;
  }
  const int usable_count = transport->smallest(static_cast<int>(isas_here().size()));
  const std::span<const InstructionSet> usable = instruction_sets().first(static_cast<std::size_t>(usable_count));
  return transport->rank() == 0 ? run_master(*transport, options, usable, arguments)
                                : run_agent(*transport, options, usable, arguments);
}

}  // namespace fasweep::cli
