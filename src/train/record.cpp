#include "train/record.hpp"

#include <algorithm>

#include "model/stop/list.hpp"

namespace fasweep {
namespace {

template <class Number>
void put_numbers(ByteWriter& out, std::span<const double> values) {
  std::vector<Number> narrowed(values.size());
  std::transform(values.begin(), values.end(), narrowed.begin(), [](double v) { return static_cast<Number>(v); });
  out.put_array(std::span<const Number>(narrowed));
}

std::vector<double> get_numbers(ByteReader& in, Precision precision, std::size_t count) {
  if (precision == Precision::float64) {
    return in.get_array<double>(count);
  }
  const std::vector<float> narrow = in.get_array<float>(count);
  return {narrow.begin(), narrow.end()};
}

std::size_t number_size(Precision precision) {
  return precision == Precision::float64 ? sizeof(double) : sizeof(float);
}

/// A one-byte code below `limit`, or TransportError.
template <class Code>
Code get_code(ByteReader& in, std::size_t limit, const char* what) {
  const auto value = in.get<std::uint8_t>();
  if (value >= limit) {
    throw TransportError(std::string("record with unknown ") + what + " " + std::to_string(value) + " (below " +
                         std::to_string(limit) + " expected); run the same version of fasweep on every rank");
  }
  return static_cast<Code>(value);
}

RecordHeader get_header(ByteReader& in) {
  RecordHeader header;
  header.run = in.get<std::int64_t>();
  header.steps = in.get<std::int64_t>();
  header.wall_s = in.get<double>();
  header.finished_at = in.get<double>();
  header.worker = in.get<std::int32_t>();
  header.status = get_code<RunStatus>(in, run_status_names.size(), "status");
  header.reason = get_code<StopReason>(in, stop_reason_names.size(), "stop reason");
  header.solver = get_code<Solver>(in, solver_names.size(), "solver");
  header.precision = get_code<Precision>(in, precision_names.size(), "precision");
  header.metrics = in.get<std::uint32_t>();
  header.points = in.get<std::uint32_t>();
  if (header.run < 0 || header.steps < 0) {
    throw TransportError("record with negative run or step number (" + std::to_string(header.run) + ", " +
                         std::to_string(header.steps) + "); run the same version of fasweep on every rank");
  }
  return header;
}

}  // namespace

void encode(const RunRecord& record, ByteWriter& out) {
  out.put(record.run);
  out.put(record.steps);
  out.put(record.wall_s);
  out.put(record.finished_at);
  out.put(record.worker);
  out.put(static_cast<std::uint8_t>(record.status));
  out.put(static_cast<std::uint8_t>(record.reason));
  out.put(static_cast<std::uint8_t>(record.solver));
  out.put(static_cast<std::uint8_t>(record.precision));
  out.put(record.metrics);
  out.put(record.points);
  out.put_text(record.error);
  if (record.precision == Precision::float64) {
    out.put_array(std::span<const double>(record.trajectory));
    out.put_array(std::span<const double>(record.final_values));
  } else {
    put_numbers<float>(out, record.trajectory);
    put_numbers<float>(out, record.final_values);
  }
}

RunRecord decode_record(ByteReader& in) {
  RunRecord record;
  static_cast<RecordHeader&>(record) = get_header(in);
  record.error = in.get_text();
  const std::size_t metrics = record.metrics;
  record.trajectory = get_numbers(in, record.precision, metrics * record.points);
  record.final_values = get_numbers(in, record.precision, metrics);
  return record;
}

RecordHeader skip_record(ByteReader& in) {
  const RecordHeader header = get_header(in);
  static_cast<void>(in.take(in.get<std::uint32_t>()));
  const std::uint64_t numbers = static_cast<std::uint64_t>(header.metrics) * (std::uint64_t{header.points} + 1);
  const std::size_t size = number_size(header.precision);
  if (numbers > in.left() / size) {
    throw TransportError("record cut short (" + std::to_string(numbers) + " numbers announced, " +
                         std::to_string(in.left()) + " bytes left); run the same version of fasweep on every rank");
  }
  static_cast<void>(in.take(numbers * size));
  return header;
}

}  // namespace fasweep
