#include "data/share_dataset.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>

#include "util/shared_memory.hpp"

namespace fasweep {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t arrays = 6;

/// Lies before the arrays, each of which begins at a multiple of `alignment`.
struct MemoryHeader {
  std::array<char, 24> magic{'f', 'a', 's', 'w', 'e', 'e', 'p', ' ', 'd', 'a', 't', 'a', ' ', 's', 'e', 't', ' ', '1'};
  std::uint64_t bytes = 0;  // of everything
  std::int32_t samples = 0;
  std::int32_t test_samples = 0;
  std::int32_t inputs = 0;
  std::int32_t outputs = 0;
  std::int32_t is_classes = 0;
  std::uint32_t checksum = 0;
  std::array<std::uint64_t, arrays> sizes{};  // of Dataset::for_each_array, in numbers
};

std::size_t round_up(std::size_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

MemoryHeader make_header(const Dataset& dataset) {
  MemoryHeader header;
  header.samples = dataset.samples;
  header.test_samples = dataset.test_samples;
  header.inputs = dataset.inputs;
  header.outputs = dataset.outputs;
  header.is_classes = dataset.is_classes ? 1 : 0;
  header.checksum = dataset.checksum;
  header.bytes = round_up(sizeof header);
  Dataset::for_each_array(dataset, [&, i = std::size_t{0}](const auto& values) mutable {
    header.sizes[i++] = values.size();
    header.bytes += round_up(values.size() * sizeof values[0]);
  });
  return header;
}

/// The data set that lies in `memory`; nothing if something else does.
std::optional<Dataset> read_memory(const std::shared_ptr<const SharedMemory>& memory) {
  const std::span<const std::byte> bytes = memory->bytes();
  MemoryHeader header;
  if (bytes.size() < sizeof header) {
    return std::nullopt;
  }
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != MemoryHeader().magic || header.bytes != bytes.size()) {
    return std::nullopt;
  }
  Dataset dataset;
  std::uint64_t described = round_up(sizeof header);
  bool fits = true;
  Dataset::for_each_array(dataset, [&, i = std::size_t{0}](const auto& values) mutable {
    const std::uint64_t size = header.sizes[i++];
    fits = fits && size <= bytes.size() / sizeof values[0];  // else the product may overflow
    described += round_up(size * sizeof values[0]);
  });
  if (!fits || described != header.bytes) {
    return std::nullopt;
  }
  dataset.samples = header.samples;
  dataset.test_samples = header.test_samples;
  dataset.inputs = header.inputs;
  dataset.outputs = header.outputs;
  dataset.is_classes = header.is_classes != 0;
  dataset.checksum = header.checksum;
  Dataset::for_each_array(dataset, [&, i = std::size_t{0}, at = round_up(sizeof header)](auto& values) mutable {
    using Number = typename std::remove_reference_t<decltype(values)>::value_type;
    const std::size_t size = header.sizes[i++];
    values = {std::span(reinterpret_cast<const Number*>(bytes.data() + at), size), memory};
    at += round_up(size * sizeof(Number));
  });
  return dataset;
}

}  // namespace

NamedDataset share_dataset(const Dataset& dataset) {
  const MemoryHeader header = make_header(dataset);
  const std::shared_ptr<SharedMemory> memory = SharedMemory::create(header.bytes);
  if (memory == nullptr) {
    return {dataset, {}};
  }
  std::byte* to = memory->bytes().data();
  std::memcpy(to, &header, sizeof header);
  to += round_up(sizeof header);
  Dataset::for_each_array(dataset, [&](const auto& values) {
    const std::size_t bytes = values.size() * sizeof values[0];
    if (bytes > 0) {
      std::memcpy(to, values.data(), bytes);
    }
    to += round_up(bytes);
  });
  return {*read_memory(memory), memory->name()};
}

std::optional<Dataset> attach_dataset(const std::string& name) {
  const std::shared_ptr<const SharedMemory> memory = SharedMemory::attach(name);
  return memory == nullptr ? std::nullopt : read_memory(memory);
}

}  // namespace fasweep
