// How a network in sample space goes into a checkpoint: its numbers as they lie in memory. The layout depends on the
// length of a vector register, so that a program built for another one must not read it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <hwy/aligned_allocator.h>

#include "util/bytes.hpp"
#include "util/error.hpp"

namespace fasweep {

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
void put_numbers(ByteWriter& out, const hwy::AlignedFreeUniquePtr<Scalar[]>& numbers, int size) {
  out.put_array(std::span<const Scalar>(numbers.get(), static_cast<std::size_t>(size)));
}

template <class Scalar>
void get_numbers(ByteReader& in, const hwy::AlignedFreeUniquePtr<Scalar[]>& numbers, int size) {
  in.get_into(std::span<Scalar>(numbers.get(), static_cast<std::size_t>(size)));
}

}  // namespace fasweep
