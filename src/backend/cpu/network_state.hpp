// The numbers of a network in sample space, aligned for the vector unit, and how they go into a checkpoint: as they lie
// in memory. The layout depends on the length of a vector register, so that a program built for another one must not
// read it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <hwy/aligned_allocator.h>

#include "util/bytes.hpp"
#include "util/error.hpp"

namespace fasweep {

template <class Scalar>
using AlignedNumbers = hwy::AlignedFreeUniquePtr<Scalar[]>;

/// `size` zeros.
template <class Scalar>
AlignedNumbers<Scalar> make_numbers(std::size_t size) {
  auto numbers = hwy::AllocateAligned<Scalar>(std::max<std::size_t>(size, 1));  // nothing cannot be allocated
  std::fill_n(numbers.get(), size, Scalar(0));
  return numbers;
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
