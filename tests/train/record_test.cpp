#include "train/record.hpp"

#include <limits>

#include <gtest/gtest.h>

#include "util/error.hpp"

namespace fasweep {
namespace {

RunRecord sample(Precision precision) {
  RunRecord record;
  record.run = 12;
  record.steps = 345;
  record.wall_s = 1.5;
  record.finished_at = 1e9;
  record.worker = 3;
  record.status = RunStatus::done;
  record.reason = StopReason::plateau;
  record.solver = Solver::weight_space;
  record.precision = precision;
  record.metrics = 2;
  record.points = 3;
  record.trajectory = {1, 2, 3, 0.5, 0.25, std::numeric_limits<double>::infinity()};
  record.final_values = {3, 0.125};
  record.error = "none";
  return record;
}

Bytes encoded(const RunRecord& record) {
  ByteWriter writer;
  encode(record, writer);
  return writer.take();
}

TEST(Record, DecodesToWhatWasEncoded) {
  for (const Precision precision : {Precision::float32, Precision::float64}) {
    const RunRecord record = sample(precision);
    const Bytes bytes = encoded(record);

    ByteReader reader(bytes);
    const RunRecord back = decode_record(reader);

    EXPECT_EQ(reader.left(), 0U);
    EXPECT_EQ(encoded(back), bytes);
    EXPECT_EQ(back.trajectory, record.trajectory);
    EXPECT_EQ(back.final_values, record.final_values);
    EXPECT_EQ(back.error, "none");
    EXPECT_EQ(back.reason, StopReason::plateau);
  }
}

TEST(Record, EndsWithTheDeviationOfItsFirstStepIfItHasOne) {
  for (const Precision precision : {Precision::float32, Precision::float64}) {
    RunRecord record = sample(precision);
    const Bytes without = encoded(record);
    record.first_step_deviation = 1e-7;
    const Bytes bytes = encoded(record);
    EXPECT_EQ(bytes.size(), without.size() + sizeof(double));

    ByteReader decoding(bytes);
    const RunRecord back = decode_record(decoding);
    ByteReader skipping(bytes);

    EXPECT_EQ(back.first_step_deviation, 1e-7);
    EXPECT_EQ(back.precision, precision);
    EXPECT_EQ(decoding.left(), 0U);
    EXPECT_EQ(skip_record(skipping).first_step_deviation, 1e-7);
    EXPECT_EQ(skipping.left(), 0U);
  }
}

TEST(Record, SkippingReadsTheHeaderAndLandsBehindTheRecord) {
  Bytes two = encoded(sample(Precision::float32));
  const Bytes second = encoded(sample(Precision::float64));
  two.insert(two.end(), second.begin(), second.end());

  ByteReader reader(two);
  const RecordHeader header = skip_record(reader);

  EXPECT_EQ(header.run, 12);
  EXPECT_EQ(header.points, 3U);
  EXPECT_EQ(reader.left(), second.size());
}

TEST(Record, EveryTruncationIsRefused) {
  RunRecord record = sample(Precision::float64);
  record.first_step_deviation = 0.5;
  const Bytes whole = encoded(record);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ByteReader decoding(std::span<const std::byte>(whole).first(size));
    EXPECT_THROW(static_cast<void>(decode_record(decoding)), TransportError) << size;
    ByteReader skipping(std::span<const std::byte>(whole).first(size));
    EXPECT_THROW(static_cast<void>(skip_record(skipping)), TransportError) << size;
  }
}

TEST(Record, AnyFlippedByteIsReadOrRefusedButNeverOverread) {
  const Bytes whole = encoded(sample(Precision::float32));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const int mask : {0x01, 0x80, 0xff}) {
      Bytes flipped = whole;
      flipped[i] ^= static_cast<std::byte>(mask);
      ByteReader reader(flipped);
      try {
        EXPECT_LE(decode_record(reader).trajectory.size(), whole.size());
      } catch (const TransportError&) {
        SUCCEED();
      }
    }
  }
}

}  // namespace
}  // namespace fasweep
