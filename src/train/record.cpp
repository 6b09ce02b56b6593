#include "train/record.hpp"

#include <algorithm>
#include <cmath>

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

/// Added to the code of the precision where a deviation of the first step ends the record: records without one are as
/// earlier versions wrote them.
constexpr std::uint8_t has_first_step = 0x80;

/// A one-byte code below `limit`, or TransportError.
template <class Code>
Code to_code(std::uint8_t value, std::size_t limit, const char* what) {
  if (value >= limit) {
    throw TransportError(std::string("record with unknown ") + what + " " + std::to_string(value) + " (below " +
                         std::to_string(limit) + " expected); run the same version of fasweep on every rank");
  }
  return static_cast<Code>(value);
}

template <class Code>
Code get_code(ByteReader& in, std::size_t limit, const char* what) {
  return to_code<Code>(in.get<std::uint8_t>(), limit, what);
}

/// A header, and whether the record ends with what get_first_step() reads.
struct MarkedHeader {
  RecordHeader header;
  bool has_first_step = false;
};

MarkedHeader get_header(ByteReader& in) {
  MarkedHeader result;
  RecordHeader& header = result.header;
  header.run = in.get<std::int64_t>();
  header.steps = in.get<std::int64_t>();
  header.wall_s = in.get<double>();
  header.finished_at = in.get<double>();
  header.worker = in.get<std::int32_t>();
  header.status = get_code<RunStatus>(in, run_status_names.size(), "status");
  header.reason = get_code<StopReason>(in, stop_reason_names.size(), "stop reason");
  header.solver = get_code<Solver>(in, solver_names.size(), "solver");
  const auto precision = in.get<std::uint8_t>();
  result.has_first_step = (precision & has_first_step) != 0;
  header.precision =
      to_code<Precision>(static_cast<std::uint8_t>(precision & ~has_first_step), precision_names.size(), "precision");
  header.metrics = in.get<std::uint32_t>();
  header.points = in.get<std::uint32_t>();
  if (header.run < 0 || header.steps < 0) {
    throw TransportError("record with negative run or step number (" + std::to_string(header.run) + ", " +
                         std::to_string(header.steps) + "); run the same version of fasweep on every rank");
  }
  return result;
}

double get_first_step(ByteReader& in) {
  const auto deviation = in.get<double>();
  if (!(deviation >= 0)) {
    throw TransportError("record with a first step that deviates by " + std::to_string(deviation) +
                         "; run the same version of fasweep on every rank");
  }
  return deviation;
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
  const bool was_checked = !std::isnan(record.first_step_deviation);
  out.put(static_cast<std::uint8_t>(static_cast<std::uint8_t>(record.precision) | (was_checked ? has_first_step : 0)));
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
  if (was_checked) {
    out.put(record.first_step_deviation);
  }
}

RunRecord decode_record(ByteReader& in) {
  RunRecord record;
  const MarkedHeader marked = get_header(in);
  static_cast<RecordHeader&>(record) = marked.header;
  record.error = in.get_text();
  const std::size_t metrics = record.metrics;
  record.trajectory = get_numbers(in, record.precision, metrics * record.points);
  record.final_values = get_numbers(in, record.precision, metrics);
  if (marked.has_first_step) {
    record.first_step_deviation = get_first_step(in);
  }
  return record;
}

RecordHeader skip_record(ByteReader& in) {
  MarkedHeader marked = get_header(in);
  RecordHeader& header = marked.header;
  static_cast<void>(in.take(in.get<std::uint32_t>()));
  const std::uint64_t numbers = static_cast<std::uint64_t>(header.metrics) * (std::uint64_t{header.points} + 1);
  const std::size_t size = number_size(header.precision);
  if (numbers > in.left() / size) {
    throw TransportError("record cut short (" + std::to_string(numbers) + " numbers announced, " +
                         std::to_string(in.left()) + " bytes left); run the same version of fasweep on every rank");
  }
  static_cast<void>(in.take(numbers * size));
  if (marked.has_first_step) {
    header.first_step_deviation = get_first_step(in);
  }
  return header;
}

}  // namespace fasweep
