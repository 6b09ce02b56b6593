// The numbers of a network in sample space, aligned for the vector unit, and how they go into a checkpoint: as they lie
// in memory. The layout depends on the length of a vector register, so that a program built for another one must not
// read it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>

#include "util/bytes.hpp"
#include "util/error.hpp"

namespace fasweep {

/// As long as the longest vector register. Not Highway's allocator: loading its library times the clock at every start.
inline constexpr std::align_val_t vector_alignment{64};

struct AlignedDelete {
  void operator()(void* numbers) const { ::operator delete(numbers, vector_alignment); }
};

template <class Scalar>
using AlignedNumbers = std::unique_ptr<Scalar[], AlignedDelete>;

/// `size` zeros.
template <class Scalar>
AlignedNumbers<Scalar> make_numbers(std::size_t size) {
  auto* numbers = static_cast<Scalar*>(::operator new(size * sizeof(Scalar), vector_alignment));
  std::fill_n(numbers, size, Scalar(0));
  return AlignedNumbers<Scalar>(numbers);
}

/// lanes: numbers a vector register holds.
inline void put_lanes(ByteWriter& out, int lanes) {
  out.put(static_cast<std::int32_t>(lanes));
}

inline void check_lanes(ByteReader& in, int lanes) {
  const auto saved = in.get<std::int32_t>();
  if (saved != lanes) {
    throw TransportError("its checkpoint is for another processor (vectors of " + std::to_string(saved) +
                         " numbers, here " + std::to_string(lanes) + "); continue on nodes of one type");
  }
}

template <class Scalar>
void put_numbers(ByteWriter& out, const AlignedNumbers<Scalar>& numbers, std::size_t size) {
  out.put_array(std::span<const Scalar>(numbers.get(), size));
}

template <class Scalar>
void get_numbers(ByteReader& in, const AlignedNumbers<Scalar>& numbers, std::size_t size) {
  in.get_into(std::span<Scalar>(numbers.get(), size));
}

}  // namespace fasweep
