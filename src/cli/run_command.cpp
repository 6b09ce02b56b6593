// fasweep run: sets up store, transport and trainers for a sweep and turns its outcome into an exit code.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <limits>
#include <memory>
#include <thread>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cuda/cuda_trainer.hpp"
#include "backend/cuda/device_plan.hpp"
#include "cli/arguments.hpp"
#include "cli/format.hpp"
#include "cli/progress_line.hpp"
#include "cli/session.hpp"
#include "cli/signals.hpp"
#include "cluster/local_transport.hpp"
#include "cluster/mpi_transport.hpp"
#include "cluster/sweep_runner.hpp"
#include "data/load_dataset.hpp"
#include "data/share_dataset.hpp"
#include "store/checkpoint_files.hpp"
#include "store/result_store.hpp"
#include "sweep/plan.hpp"
#include "util/error.hpp"
#include "util/stopwatch.hpp"
#include "util/text.hpp"

namespace fasweep::cli {
namespace {

enum class Backend { automatic, cpu, cuda };
constexpr std::array<std::string_view, 3> backend_names{"auto", "cpu", "cuda"};
constexpr std::array<std::string_view, 3> retry_names{"failed", "diverged", "all"};

/// A GPU trains tens of runs at once, each more slowly than it would train one alone.
constexpr double device_batch_seconds = 2;

/// Flop per second that a GPU is believed to do until it has shown: a guess too low would begin with runs too few to
/// fill it.
constexpr double first_device_rate = 1e13;

/// Worker threads that share a GPU: while it trains the runs of one, another prepares the next.
constexpr int workers_a_device = 2;

/// What the command line of `run` says, checked.
struct RunOptions {
  std::string job_path;
  std::string file;
  KeyValues overrides;
  Solver solver = Solver::automatic;
  GpuArithmetic arithmetic = GpuArithmetic::fast;
  Shard shard;
  int workers = 0;           // 0: two a device, else by the number of ranks
  std::vector<int> devices;  // CUDA devices of this rank; none: train on the CPU
  double time_limit_s = std::numeric_limits<double>::infinity();
  double batch_seconds = 0;
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
      (join(gpu_arithmetic_names, ", ") +
       "; fast trains in sample space, and on pixels, by tensor cores to float32's accuracy, exact with the bits of "
       "`selftest`")
          .c_str())(
      "workers", value<int>(),
      "worker threads on each rank; default two a GPU, else 1 under mpirun with several ranks, else every core")(
      "time-limit", value<std::string>(),
      "drain after this long, and begin nothing that would be lost then: 90s, 15m, 2h, 1:30:00; a Slurm end time is "
      "seen by itself")(
      "batch-seconds",
      value<double>()->default_value(MasterOptions{}.batch_seconds, format_real(MasterOptions{}.batch_seconds)),
      ("training time a batch of runs aims at, by default " + format_real(device_batch_seconds) +
       " where rank 0 has GPUs; results do not depend on it")
          .c_str())("sync-seconds", value<double>()->default_value(StoreOptions{}.sync_interval_s),
                    "force results to disk at least this often; a crash of the machine loses no more")(
      "publish-seconds", value<double>()->default_value(StoreOptions{}.first_publish_s),
      "first snapshot of FILE.h5 after this long; later ones at growing intervals")(
      "lost-after-seconds", value<double>()->default_value(MasterOptions{}.lost_after_s),
      "a rank that is silent for so long is lost: the others train its runs")(
      "checkpoint-seconds", value<double>()->default_value(300),
      "save a run that has trained for so long, and again every so often, to go on from there; 0: never")(
      "shard", value<std::string>(), "I/N: train only part I (from 0) of N, for independent jobs; see fasweep merge")(
      "retry", value<std::string>(), ("train again what ended as: " + join(retry_names, ", ")).c_str())(
      "json", "progress as JSON lines on standard error");
  grammar.add_positional("job");
  grammar.epilog =
      "\nEvery option has an environment variable, e.g. FASWEEP_WORKERS; the flag wins.\n"
      "Run the same command again to continue an interrupted sweep; a job with a larger grid extends the file.\n"
      "USR1, USR2, INT and TERM stop early and keep what is done (exit 75); a second INT or TERM stops at once.\n";
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

/// Seconds until Slurm ends the job, less a margin to drain in; infinity outside Slurm.
double slurm_time_left() {
  const char* end = std::getenv("SLURM_JOB_END_TIME");
  const std::optional<std::int64_t> end_time = end == nullptr ? std::nullopt : parse_integer(end);
  if (!end_time) {
    return std::numeric_limits<double>::infinity();
  }
  constexpr double margin_s = 30;
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  return std::max(static_cast<double>(*end_time) - now - margin_s, 0.0);
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

/// The CUDA devices this rank trains on. Asked for CUDA where there is no device, it says so and returns none.
std::vector<int> find_devices(Backend backend) {
  if (backend == Backend::cuda && !has_cuda()) {
    throw ConfigError(
        "option '--backend' = 'cuda' is not accepted (this program was built without CUDA); use auto or cpu, or build "
        "where nvcc is");
  }
  const int devices = backend == Backend::cpu ? 0 : count_cuda_devices();
  if (backend == Backend::cuda && devices == 0) {
    std::cerr << "fasweep: no CUDA device (none visible, or no driver); training on the CPU\n";
  }
  if (devices > 0 && !why_no_products().empty()) {
    std::cerr << "fasweep: " << why_no_products() << "; runs in weight space are trained on the CPU\n";
  }
  const int rank = launcher_number({"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"}, 0);
  const int ranks = launcher_number({"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"}, rank + 1);
  return choose_devices(rank, ranks, devices);
}

RunOptions read_options(const program_options::variables_map& values) {
  RunOptions options;
  options.job_path = values["job"].as<std::string>();
  options.file = values["output"].as<std::string>();
  if (values.count("set") > 0) {
    options.overrides = read_overrides(values["set"].as<std::vector<std::string>>());
  }
  options.devices =
      find_devices(static_cast<Backend>(parse_choice("--backend", values["backend"].as<std::string>(), backend_names)));
  options.arithmetic = static_cast<GpuArithmetic>(
      parse_choice("--gpu-arithmetic", values["gpu-arithmetic"].as<std::string>(), gpu_arithmetic_names));
  options.solver = static_cast<Solver>(parse_choice("--solver", values["solver"].as<std::string>(), solver_names));
  if (values.count("workers") > 0) {
    options.workers = values["workers"].as<int>();
    if (options.workers < 1 || options.workers > 4096) {
      throw ConfigError("option '--workers' = '" + std::to_string(options.workers) +
                        "' is not accepted (no such number of threads); write 1..4096");
    }
  }
  if (values.count("time-limit") > 0) {
    options.time_limit_s = parse_duration(values["time-limit"].as<std::string>());
  }
  options.time_limit_s = std::min(options.time_limit_s, slurm_time_left());
  options.batch_seconds = read_seconds(values, "batch-seconds");
  if (values["batch-seconds"].defaulted() && !options.devices.empty()) {
    options.batch_seconds = device_batch_seconds;
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

/// A grid whose workers do not fit into this machine's memory is refused before anything starts.
void check_memory(const Plan& plan, std::span<const Dataset> datasets, int workers) {
  const PlanSize size = measure_plan(plan, datasets);
  const double needed =
      static_cast<double>(size.worker_bytes) * workers + static_cast<double>(size.data_bytes + size.master_bytes);
  const double there = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  if (needed > 0.9 * there) {
    throw ConfigError("the plan needs " + format_bytes(needed) + " of memory for " + std::to_string(workers) +
                      " workers and its book-keeping (this machine has " + format_bytes(there) +
                      "); use fewer --workers, smaller widths or split the grid");
  }
}

void print_warning(const std::string& text) {
  std::cerr << "fasweep: " + text + "\n";  // at once: worker threads speak too
}

/// Says how far the reading of a long journal has come. A request to stop ends it: nothing has been changed.
std::function<void(std::int64_t, std::int64_t)> replay_listener(const std::string& file) {
  constexpr double interval_s = 2;
  return [file, since_told = Stopwatch()](std::int64_t bytes, std::int64_t of_bytes) mutable {
    if (stop_request() > 0) {
      throw StoreError("stopped while the journal of '" + file +
                       "' was read (by a signal); run the same command again to continue");
    }
    if (since_told.seconds() >= interval_s) {
      std::cerr << "fasweep: reading the journal of '" << file << "', " << format_bytes(static_cast<double>(bytes))
                << " of " << format_bytes(static_cast<double>(of_bytes)) << "\n";
      since_told.restart();
    }
  };
}

/// What was understood of a data set, and what is doubtful about it.
void report_data(const DataReport& report) {
  std::cerr << report.understood << "\n";
  print_warnings(report);
}

/// Makes the trainer of each worker thread of this rank.
TrainerFactory trainer_factory(const RunOptions& options) {
  return [devices = options.devices, arithmetic = options.arithmetic](int worker) {
    return devices.empty() ? make_cpu_trainer()
                           : make_cuda_trainer(devices[static_cast<std::size_t>(worker) % devices.size()],
                                               make_cpu_trainer(), arithmetic);
  };
}

/// Nothing when they are switched off.
std::unique_ptr<Checkpoints> make_checkpoints(const RunOptions& options, const Plan& plan) {
  return options.checkpoint_seconds > 0
             ? std::make_unique<CheckpointFiles>(options.file, plan, options.checkpoint_seconds, print_warning)
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

SweepOptions make_sweep_options(const RunOptions& options, std::span<const Dataset> datasets, Checkpoints* checkpoints,
                                ProgressStyle style) {
  constexpr double heartbeats_until_lost = 10;
  SweepOptions sweep;
  sweep.workers = options.workers;
  sweep.device_rate = options.devices.empty() ? 0 : first_device_rate;
  sweep.datasets = datasets;
  sweep.checkpoints = checkpoints;
  if (checkpoints != nullptr) {
    sweep.master.saved_after_s = least_saved_s(checkpoints->interval_s());
  }
  sweep.stop_request = stop_request;
  sweep.master.batch_seconds = options.batch_seconds;
  sweep.master.lost_after_s = options.lost_after_seconds;
  sweep.heartbeat_s = std::min(sweep.heartbeat_s, options.lost_after_seconds / heartbeats_until_lost);
  sweep.master.warn = print_warning;
  sweep.time_limit_s = options.time_limit_s;
  sweep.on_progress = [style](const Progress& progress) { show_progress(style, progress); };
  sweep.progress_interval_s = progress_interval(style);
  sweep.description = host_name() + ", " + std::to_string(options.workers) + " " +
                      std::string(backend_names[options.devices.empty() ? 1 : 2]) + " workers";
  if (!options.devices.empty()) {
    sweep.description +=
        ", " + std::string(gpu_arithmetic_names[static_cast<std::size_t>(options.arithmetic)]) + " arithmetic";
  }
  name_devices(options.devices, sweep);
  return sweep;
}

int report_end(const ResultStore& store, const RunOptions& options, std::int64_t runs) {
  const auto counts = store.counts();
  const auto count = [&](RunStatus status) { return counts[static_cast<std::size_t>(status)]; };
  std::cerr << options.file << ": " << runs - count(RunStatus::pending) << " of " << runs << " runs";
  for (const RunStatus status : {RunStatus::failed, RunStatus::diverged}) {
    if (count(status) > 0) {
      std::cerr << ", " << count(status) << " " << name_of(status);
    }
  }
  if (!store.complete()) {
    std::cerr << "; stopped early, run the same command again to continue\n";
    return stopped_early;
  }
  if (options.shard.count > 1) {
    std::cerr << "; shard " << options.shard.index << "/" << options.shard.count << " is";
  } else {
    std::cerr << ";";
  }
  std::cerr << " complete\n";
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

/// Rank 0: opens the store, runs the sweep, publishes the file.
int run_master(Transport& transport, const RunOptions& options, const Arguments& arguments) {
  LoadedJob loaded;
  std::optional<Plan> plan;
  std::optional<ResultStore> store;
  try {
    loaded = load_job(options.job_path, options.overrides);
    if (const std::optional<Job> stored = find_stored_job(options.file)) {
      loaded.job = continue_job(*stored, std::move(loaded.job));
    }
    plan.emplace(loaded.job, options.solver, options.shard);
    for (const DataReport& report : loaded.reports) {
      report_data(report);
    }
    check_memory(*plan, loaded.datasets, options.workers);
    StoreOptions store_options;
    store_options.sync_interval_s = options.sync_seconds;
    store_options.first_publish_s = options.publish_seconds;
    store_options.retry = options.retry;
    store_options.warn = print_warning;
    store_options.on_replay = replay_listener(options.file);
    store.emplace(options.file, *plan, store_options, make_session("run", arguments));
  } catch (...) {
    transport.broadcast_text({});  // the other ranks leave quietly; this one says why
    throw;
  }
  if (store->complete()) {
    transport.broadcast_text({});
    store->finish();  // an earlier start may have ended between the last record and the file
    return report_end(*store, options, plan->size());
  }
  if (const std::string why = why_left_to_cpu(plan->metrics()); !why.empty() && !options.devices.empty()) {
    std::cerr << "fasweep: every run trains on the CPU (" << why << "); with --backend cpu, on every core\n";
  }
  transport.broadcast_text(resolved_text(plan->job()));
  transport.set_farewell(Farewell::at_once);  // until the sweep begins: after an error the others would wait for ever
  for (Dataset& dataset : loaded.datasets) {  // in the order of data_sets_of(), as other ranks read them
    dataset = read_once_in_node(transport, [&] { return std::move(dataset); });
  }
  const ProgressStyle style = choose_progress_style(options.json);
  const TrainerFactory factory = trainer_factory(options);
  const std::unique_ptr<Checkpoints> checkpoints = make_checkpoints(options, *plan);
  static_cast<void>(run_sweep(transport, *plan, &*store, factory,
                              make_sweep_options(options, loaded.datasets, checkpoints.get(), style)));
  end_progress(style);
  store->finish();
  return report_end(*store, options, plan->size());
}

/// The data sets that rank 0 read too, from this node's disk. Other data than the plan's are refused.
std::vector<Dataset> read_data_of_plan(Transport& transport, const Job& job) {
  std::vector<Dataset> datasets;
  try {
    for (const DataSettings& data : data_sets_of(job)) {
      datasets.push_back(read_once_in_node(transport, [&] { return load_dataset(data).dataset; }));
    }
    return datasets;
  } catch (const ConfigError& error) {
    transport.set_farewell(Farewell::at_once);  // the others are in the sweep and would be waited for
    throw ConfigError("rank " + std::to_string(transport.rank()) + " on " + host_name() + ": " + error.what());
  }
}

/// Every other rank: the plan comes from rank 0; an empty one means there is nothing to do.
int run_agent(Transport& transport, const RunOptions& options) {
  const std::string text = transport.broadcast_text({});
  if (text.empty()) {
    return success;
  }
  const Plan plan(parse_stored_job(text, "rank 0"), options.solver);
  const std::vector<Dataset> datasets = read_data_of_plan(transport, plan.job());
  const TrainerFactory factory = trainer_factory(options);
  const std::unique_ptr<Checkpoints> checkpoints = make_checkpoints(options, plan);
  static_cast<void>(run_sweep(transport, plan, nullptr, factory,
                              make_sweep_options(options, datasets, checkpoints.get(), ProgressStyle::lines)));
  return success;
}

int default_workers(const Transport& transport) {
  return transport.size() > 1 ? 1 : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
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
  const std::unique_ptr<Transport> transport = launched_by_mpi() ? make_mpi_transport() : make_single_transport();
  if (options.workers == 0) {
    options.workers = options.devices.empty() ? default_workers(*transport)
                                              : workers_a_device * static_cast<int>(options.devices.size());
  }
  return transport->rank() == 0 ? run_master(*transport, options, arguments) : run_agent(*transport, options);
}

}  // namespace fasweep::cli
