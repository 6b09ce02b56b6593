#include "util/machine_limits.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string_view>
#include <vector>

#include "util/text.hpp"

namespace fasweep {
namespace {

namespace fs = std::filesystem;

/// A number >= 1 that an environment variable begins with: OMP_NUM_THREADS may be a list, "4,2".
std::optional<double> number_in(const char* variable) {
  const char* text = std::getenv(variable);
  const std::optional<std::int64_t> number =
      text == nullptr ? std::nullopt
                      : parse_integer(trim(std::string_view(text).substr(0, std::string_view(text).find(','))));
  return number && *number >= 1 ? std::optional(static_cast<double>(*number)) : std::nullopt;
}

std::optional<Limit> limit_in(const char* variable) {
  const std::optional<double> number = number_in(variable);
  return number ? std::optional(Limit{*number, std::string(variable) + " = " + format_real(*number)}) : std::nullopt;
}

/// The first of the least ones.
Limit least_of(const std::vector<std::optional<Limit>>& limits) {
  Limit least = *limits.front();
  for (const std::optional<Limit>& limit : limits) {
    if (limit && limit->value < least.value) {
      least = *limit;
    }
  }
  return least;
}

double count_cores() {
  return static_cast<double>(std::max(sysconf(_SC_NPROCESSORS_ONLN), 1L));
}

/// Cores that this process is bound to.
std::optional<double> count_bound_cores() {
  for (int most = 1024; most <= 1 << 20; most *= 4) {  // a set that is too small for the machine is refused
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(most));
    const std::size_t size = CPU_ALLOC_SIZE(static_cast<std::size_t>(most));
    const bool known = sched_getaffinity(0, size, set) == 0;
    const int count = known ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (count > 0) {
      return count;
    }
  }
  return std::nullopt;
}

std::vector<std::string> read_lines(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(line);
  }
  return lines;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words = split(line, ' ');
  std::erase(words, std::string_view());
  return words;
}

bool has_word(std::string_view list, std::string_view word) {
  const std::vector<std::string_view> words = split(list, ',');
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// Where a hierarchy of cgroups is mounted, and the process's cgroup in it.
struct Hierarchy {
  fs::path mount;
  fs::path own;
};

/// The hierarchy of a controller of version 1; of version 2, which has one for all, if `controller` is empty.
std::optional<Hierarchy> find_hierarchy(const fs::path& process, std::string_view controller) {
  const bool is_second = controller.empty();
  std::string group;
  for (const std::string& line : read_lines(process / "cgroup")) {  // 4:cpu,cpuacct:/path
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) {
      continue;
    }
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    if (is_second ? controllers.empty() : has_word(controllers, controller)) {
      group = line.substr(second + 1);
    }
  }
  // 35 31 0:32 ROOT MOUNT rw,relatime ... - cgroup cgroup rw,memory
  for (const std::string& line : read_lines(process / "mountinfo")) {
    const std::vector<std::string_view> words = words_of(line);
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < 6 || words.end() - dash < 4 || *(dash + 1) != (is_second ? "cgroup2" : "cgroup") ||
        (!is_second && !has_word(*(dash + 3), controller))) {
      continue;
    }
    const std::string root(words[3] == "/" ? "" : words[3]);
    const fs::path mount(words[4]);
    // In a container the path may be that of the host, of which only a part is mounted.
    fs::path own = mount.string() + (group.starts_with(root) ? group.substr(root.size()) : "");
    std::error_code ignored;
    return Hierarchy{mount, fs::is_directory(own, ignored) ? own : mount};
  }
  return std::nullopt;
}

/// The least of what `read` finds in the process's cgroup and those around it.
std::optional<double> least_in(const std::optional<Hierarchy>& hierarchy,
                               const std::function<std::optional<double>(const fs::path& folder)>& read) {
  std::optional<double> least;
  if (!hierarchy) {
    return least;
  }
  const std::string top = hierarchy->mount.string();
  for (fs::path folder = hierarchy->own; folder.string().starts_with(top); folder = folder.parent_path()) {
    const std::optional<double> here = read(folder);
    least = here && (!least || *here < *least) ? here : least;
    if (folder == hierarchy->mount || folder == folder.parent_path()) {
      break;
    }
  }
  return least;
}

/// The number at a position of a file's first line; nullopt for "max" and anything else that is not a number.
std::optional<double> number_at(const fs::path& file, std::size_t position = 0) {
  const std::vector<std::string> lines = read_lines(file);
  const std::vector<std::string_view> words = lines.empty() ? std::vector<std::string_view>() : words_of(lines.front());
  const std::optional<double> number = position < words.size() ? parse_real(words[position]) : std::nullopt;
  return number && *number > 0 ? number : std::nullopt;  // -1: none
}

std::optional<double> ratio(std::optional<double> quota, std::optional<double> period) {
  return quota && period ? std::optional(*quota / *period) : std::nullopt;
}

std::optional<double> lesser(std::optional<double> a, std::optional<double> b) {
  return a && b ? std::min(*a, *b) : a ? a : b;
}

std::optional<Limit> slurm_memory() {
  constexpr double megabyte = 1 << 20;
  if (const std::optional<double> node = number_in("SLURM_MEM_PER_NODE")) {
    return Limit{*node * megabyte, "SLURM_MEM_PER_NODE"};
  }
  const std::optional<double> each = number_in("SLURM_MEM_PER_CPU");
  const std::optional<double> cores = number_in("SLURM_CPUS_ON_NODE");
  return each && cores ? std::optional(Limit{*each * *cores * megabyte, "SLURM_MEM_PER_CPU"}) : std::nullopt;
}

std::optional<Limit> process_memory() {
  struct rlimit limit {};
  const bool is_set = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return is_set ? std::optional(Limit{static_cast<double>(limit.rlim_cur), "ulimit -v"}) : std::nullopt;
}

std::optional<Limit> named(std::optional<double> value, const char* origin) {
  return value ? std::optional(Limit{*value, origin}) : std::nullopt;
}

}  // namespace

std::optional<double> cgroup_cores(const fs::path& process) {
  return lesser(least_in(find_hierarchy(process, ""),
                         [](const fs::path& folder) {
                           return ratio(number_at(folder / "cpu.max"), number_at(folder / "cpu.max", 1));
                         }),
                least_in(find_hierarchy(process, "cpu"), [](const fs::path& folder) {
                  return ratio(number_at(folder / "cpu.cfs_quota_us"), number_at(folder / "cpu.cfs_period_us"));
                }));
}

std::optional<double> cgroup_bytes(const fs::path& process) {
  return lesser(
      least_in(find_hierarchy(process, ""), [](const fs::path& folder) { return number_at(folder / "memory.max"); }),
      least_in(find_hierarchy(process, "memory"),
               [](const fs::path& folder) { return number_at(folder / "memory.limit_in_bytes"); }));
}

std::optional<Limit> slurm_core_limit() {
  return limit_in("SLURM_CPUS_PER_TASK");
}

Limit core_limit() {
  Limit limit =
      least_of({Limit{count_cores(), "this machine's cores"}, named(count_bound_cores(), "the cores it is bound to"),
                named(cgroup_cores(), "the quota of its cgroup"), slurm_core_limit(), limit_in("OMP_NUM_THREADS")});
  limit.value = std::ceil(limit.value);
  return limit;
}

Limit memory_limit() {
  const double bytes = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  return least_of({Limit{bytes, "this machine's memory"}, named(cgroup_bytes(), "the limit of its cgroup"),
                   process_memory(), slurm_memory()});
}

}  // namespace fasweep
