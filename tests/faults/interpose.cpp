// Put before the C library with LD_PRELOAD, gives a program a failing or slow disk, a clock that goes backwards, or no
// memory to share with other processes:
//   FASWEEP_EIO=CALL:PART:COUNT  from the COUNTth time on, CALL (pwrite, fdatasync or fsync) on a file with PART in its
//                                path fails with EIO
//   FASWEEP_SLOW=PART:SECONDS    fsync of a file with PART in its path takes so long
//   FASWEEP_CLOCK=backwards      every look at the time of day is an hour before the last one
//   FASWEEP_MEMFD=none           memfd_create fails with ENOSYS
#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

namespace {

struct Fault {
  std::string call;
  std::string part;
  int count = 0;
};

Fault read_fault() {
  const char* variable = std::getenv("FASWEEP_EIO");
  const std::string text = variable == nullptr ? "" : variable;
  const std::size_t part = text.find(':');
  const std::size_t count = text.rfind(':');
  if (text.empty()) {
    return {};
  }
  return {text.substr(0, part), text.substr(part + 1, count - part - 1), std::stoi(text.substr(count + 1))};
}

std::string path_of(int file) {
  std::array<char, 4096> path{};
  const ssize_t size = readlink(("/proc/self/fd/" + std::to_string(file)).c_str(), path.data(), path.size());
  return {path.data(), static_cast<std::size_t>(size < 0 ? 0 : size)};
}

/// Whether this call is to fail; errno is set then.
bool fails(std::string_view call, int file) {
  static const Fault fault = read_fault();
  static std::atomic<int> seen = 0;
  if (call != fault.call || path_of(file).find(fault.part) == std::string::npos || ++seen < fault.count) {
    return false;
  }
  errno = EIO;
  return true;
}

void wait_for_disk(int file) {
  static const char* variable = std::getenv("FASWEEP_SLOW");
  const std::string text = variable == nullptr ? "" : variable;
  const std::size_t seconds = text.find(':');
  if (!text.empty() && path_of(file).find(text.substr(0, seconds)) != std::string::npos) {
    sleep(static_cast<unsigned>(std::stoi(text.substr(seconds + 1))));
  }
}

/// The C library's own.
template <class Function>
Function* original(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

/// Whether every library has been set up. UCX, which Open MPI 5 brings along, waits by the time of day in its
/// constructor, for ever if that goes backwards; a library put before all others is set up last.
std::atomic<bool> has_started = false;
__attribute__((constructor)) void start() {
  has_started = true;
}

/// Seconds to take off the time of day.
std::int64_t steps_back() {
  constexpr std::int64_t hour_s = 3600;
  static const char* clock = std::getenv("FASWEEP_CLOCK");
  static std::atomic<std::int64_t> looks = 0;
  const bool backwards = has_started && clock != nullptr && std::string_view(clock) == "backwards";
  return backwards ? hour_s * ++looks : 0;
}

}  // namespace

extern "C" {

ssize_t pwrite64(int file, const void* bytes, std::size_t size, off64_t offset) {
  static const auto call = original<ssize_t(int, const void*, std::size_t, off64_t)>("pwrite64");
  return fails("pwrite", file) ? -1 : call(file, bytes, size, offset);
}

ssize_t pwrite(int file, const void* bytes, std::size_t size, off_t offset) {
  return pwrite64(file, bytes, size, offset);
}

int fdatasync(int file) {
  static const auto call = original<int(int)>("fdatasync");
  return fails("fdatasync", file) ? -1 : call(file);
}

int fsync(int file) {
  static const auto call = original<int(int)>("fsync");
  wait_for_disk(file);
  return fails("fsync", file) ? -1 : call(file);
}

int memfd_create(const char* name, unsigned flags) noexcept {
  static const auto call = original<int(const char*, unsigned)>("memfd_create");
  const char* variable = std::getenv("FASWEEP_MEMFD");
  if (variable != nullptr && std::string_view(variable) == "none") {
    errno = ENOSYS;
    return -1;
  }
  return call(name, flags);
}

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  static const auto call = original<int(clockid_t, timespec*)>("clock_gettime");
  const int result = call(clock, time);
  time->tv_sec -= clock == CLOCK_REALTIME ? steps_back() : 0;
  return result;
}

int gettimeofday(timeval* time, void* /*zone*/) noexcept {
  timespec now{};
  const int result = clock_gettime(CLOCK_REALTIME, &now);
  *time = {now.tv_sec, now.tv_nsec / 1000};
  return result;
}

std::time_t time(std::time_t* out) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) {
    *out = now.tv_sec;
  }
  return now.tv_sec;
}

}  // extern "C"
