// Memory that other processes of the same user on this machine can read. It goes with the last process that has it:
// nothing is left behind, however they end.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace fasweep {

class SharedMemory {
 public:
  /// Zeros to be filled; nullptr if the system has no such memory to give.
  [[nodiscard]] static std::shared_ptr<SharedMemory> create(std::size_t bytes);

  /// The memory of another process, to read; nullptr if that process is gone, out of sight or means something else.
  /// The caller checks what it finds: in a container the name may be somebody else's.
  [[nodiscard]] static std::shared_ptr<const SharedMemory> attach(const std::string& name);

  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  /// For attach() in another process while this one lives.
  [[nodiscard]] std::string name() const;

  [[nodiscard]] std::span<std::byte> bytes() { return bytes_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  SharedMemory(int file, std::span<std::byte> bytes) : file_(file), bytes_(bytes) {}
  static std::shared_ptr<SharedMemory> map(int file, std::size_t bytes, int protection);

  int file_;
  std::span<std::byte> bytes_;
};

}  // namespace fasweep
