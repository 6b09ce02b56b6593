#include "util/shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fasweep {

std::shared_ptr<SharedMemory> SharedMemory::map(int file, std::size_t bytes, int protection) {
  void* const begin = mmap(nullptr, bytes, protection, MAP_SHARED, file, 0);
  if (begin == MAP_FAILED) {
    close(file);
    return nullptr;
  }
  return std::shared_ptr<SharedMemory>(new SharedMemory(file, {static_cast<std::byte*>(begin), bytes}));
}

std::shared_ptr<SharedMemory> SharedMemory::create(std::size_t bytes) {
  const int file = memfd_create("fasweep", MFD_CLOEXEC);
  if (file < 0) {
    return nullptr;
  }
  if (ftruncate(file, static_cast<off_t>(bytes)) != 0) {
    close(file);
    return nullptr;
  }
  return map(file, bytes, PROT_READ | PROT_WRITE);
}

std::shared_ptr<const SharedMemory> SharedMemory::attach(const std::string& name) {
  const int file = open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // whatever it is, do not wait for it
  struct stat status {};
  if (file < 0) {
    return nullptr;
  }
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(file);
    return nullptr;
  }
  return map(file, static_cast<std::size_t>(status.st_size), PROT_READ);
}

SharedMemory::~SharedMemory() {
  munmap(bytes_.data(), bytes_.size());
  close(file_);
}

std::string SharedMemory::name() const {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(file_);
}

}  // namespace fasweep
