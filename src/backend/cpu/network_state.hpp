// The numbers of a network in sample space, aligned for the vector unit, and how they go into a checkpoint: as they lie
// in memory. The layout depends on the length of a vector register, so a program built for another length must not
// read it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <boost/align/aligned_allocator.hpp>

#include "train/checkpoint.hpp"
#include "util/bytes.hpp"
#include "util/error.hpp"

namespace fasweep {

/// Aligned to cache lines, which are as long as the longest vector register.
template <class Number>
using AlignedNumbers = std::vector<Number, boost::alignment::aligned_allocator<Number, 64>>;

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

template <class Number>
void put_numbers(ByteWriter& out, const AlignedNumbers<Number>& numbers) {
  out.put_array(std::span<const Number>(numbers));
}

template <class Number>
void get_numbers(ByteReader& in, AlignedNumbers<Number>& numbers) {
  get_finite(in, std::span<Number>(numbers));
}

}  // namespace fasweep
