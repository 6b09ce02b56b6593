#include "cluster/messages.hpp"

#include <cmath>
#include <limits>
#include <type_traits>

#include "util/error.hpp"

namespace fasweep {
namespace {

constexpr std::uint32_t magic = 0x77736166;  // "fasw"

/// Throws TransportError naming the message and the number unless it is at least `least`.
template <class Number>
Number get_at_least(ByteReader& in, Number least, const char* what) {
  const auto value = in.get<Number>();
  if (!(value >= least)) {  // NaN too
    throw TransportError(std::string(what) + " " + std::to_string(value) + " is refused (at least " +
                         std::to_string(least) + " expected); run the same version of fasweep on every rank");
  }
  return value;
}

/// The same for a finite number that is not negative.
double get_amount(ByteReader& in, const char* what) {
  const auto value = get_at_least<double>(in, 0, what);
  if (std::isinf(value)) {
    throw TransportError(std::string(what) + " inf is refused (a finite number expected); run the same version of " +
                         "fasweep on every rank");
  }
  return value;
}

Crew get_crew(ByteReader& in, const char* what) {
  const auto crew = in.get<std::uint8_t>();
  if (crew >= crew_count) {
    throw TransportError(std::string(what) + " " + std::to_string(crew) + " is refused (below " +
                         std::to_string(crew_count) + " expected); run the same version of fasweep on every rank");
  }
  return static_cast<Crew>(crew);
}

/// Of a rank's threads, or of devices.
std::int32_t get_count(ByteReader& in, const char* what) {
  const auto count = get_at_least<std::int32_t>(in, 0, what);
  if (count > most_workers) {
    throw TransportError(std::string(what) + " " + std::to_string(count) + " is refused (at most " +
                         std::to_string(most_workers) + " expected); run the same version of fasweep on every rank");
  }
  return count;
}

void put_body(ByteWriter& out, const Hello& hello) {
  out.put(hello.plan_hash);
  out.put(hello.workers);
  out.put_text(hello.description);
  out.put(static_cast<std::uint32_t>(hello.devices.size()));
  for (const std::string& device : hello.devices) {
    out.put_text(device);
  }
  out.put(hello.device_count);
  out.put(hello.device_rate);
}
void put_body(ByteWriter& out, const Welcome& welcome) {
  out.put(welcome.first_worker);
}
void put_body(ByteWriter& out, const Assign& assign) {
  out.put(assign.batch);
  out.put(assign.crew);
  out.put(static_cast<std::uint32_t>(assign.ranges.size()));
  for (const RunRange& range : assign.ranges) {
    out.put(range.first);
    out.put(range.count);
  }
}
void put_body(ByteWriter& out, const Result& result) {
  out.put(result.batch);
  out.put(result.seconds);
  out.put(result.restored);
  out.put(result.crew);
  out.put(result.workers_left);
  out.put(result.count);
  out.put_text(result.resignation);
  out.put_array(std::span<const std::byte>(result.records));
}
void put_body(ByteWriter& out, const Heartbeat& heartbeat) {
  out.put(static_cast<std::uint32_t>(heartbeat.work.size()));
  for (const BatchWork& work : heartbeat.work) {
    out.put(work.batch);
    out.put(work.seconds);
    out.put(work.done);
    out.put(work.restored);
  }
}
void put_body(ByteWriter& out, const Stop& stop) {
  out.put(static_cast<std::uint8_t>(stop.rank_died));
}
template <class Empty>
void put_body(ByteWriter& /*out*/, const Empty& /*message*/) {
  static_assert(std::is_empty_v<Empty>);
}

void get_body(ByteReader& in, Hello& hello) {
  hello.plan_hash = in.get<std::uint64_t>();
  hello.workers = get_count(in, "hello: number of workers");
  hello.description = in.get_text();
  const auto devices = in.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < devices; ++i) {
    hello.devices.push_back(in.get_text());
  }
  hello.device_count = get_count(in, "hello: number of devices");
  hello.device_rate = get_amount(in, "hello: rate of a device");
}
void get_body(ByteReader& in, Welcome& welcome) {
  welcome.first_worker = get_at_least<std::int32_t>(in, 0, "welcome: first worker");
}
void get_body(ByteReader& in, Assign& assign) {
  assign.batch = get_at_least<std::int64_t>(in, 0, "assign: batch");
  assign.crew = get_crew(in, "assign: crew");
  const auto count = in.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < count; ++i) {
    RunRange range;
    range.first = get_at_least<std::int64_t>(in, 0, "assign: first run");
    range.count = get_at_least<std::int64_t>(in, 1, "assign: number of runs");
    if (range.count > std::numeric_limits<std::int64_t>::max() - range.first) {
      throw TransportError("assign: " + std::to_string(range.count) + " runs from " + std::to_string(range.first) +
                           " are refused (no such runs); run the same version of fasweep on every rank");
    }
    assign.ranges.push_back(range);
  }
}
void get_body(ByteReader& in, Result& result) {
  result.batch = get_at_least<std::int64_t>(in, 0, "result: batch");
  result.seconds = get_amount(in, "result: seconds");
  result.restored = get_amount(in, "result: restored work");
  result.crew = get_crew(in, "result: crew");
  result.workers_left = get_at_least<std::int32_t>(in, 0, "result: workers left");
  result.count = in.get<std::uint32_t>();
  result.resignation = in.get_text();
  const std::span<const std::byte> records = in.take(in.left());
  result.records.assign(records.begin(), records.end());
}
void get_body(ByteReader& in, Heartbeat& heartbeat) {
  const auto count = in.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < count; ++i) {
    BatchWork work;
    work.batch = get_at_least<std::int64_t>(in, 0, "heartbeat: batch");
    work.seconds = get_amount(in, "heartbeat: seconds");
    work.done = get_amount(in, "heartbeat: work done");
    work.restored = get_amount(in, "heartbeat: restored work");
    heartbeat.work.push_back(work);
  }
}
void get_body(ByteReader& in, Stop& stop) {
  const auto rank_died = in.get<std::uint8_t>();
  if (rank_died > 1) {
    throw TransportError("stop: " + std::to_string(rank_died) +
                         " is refused (0 or 1 expected); run the same version of fasweep on every rank");
  }
  stop.rank_died = rank_died == 1;
}
template <class Empty>
void get_body(ByteReader& /*in*/, Empty& /*message*/) {
  static_assert(std::is_empty_v<Empty>);
}

template <std::size_t index = 0>
WireMessage decode_alternative(std::uint8_t type, ByteReader& in) {
  if constexpr (index < std::variant_size_v<WireMessage>) {
    if (type == index) {
      std::variant_alternative_t<index, WireMessage> message;
      get_body(in, message);
      return message;
    }
    return decode_alternative<index + 1>(type, in);
  }
  throw TransportError("message of unknown type " + std::to_string(type) + " (below " +
                       std::to_string(std::variant_size_v<WireMessage>) +
                       " expected); run the same version of fasweep on every rank");
}

}  // namespace

Bytes encode(const WireMessage& message) {
  ByteWriter out;
  out.put(magic);
  out.put(protocol_version);
  out.put(static_cast<std::uint8_t>(message.index()));
  std::visit([&](const auto& alternative) { put_body(out, alternative); }, message);
  return out.take();
}

WireMessage decode_message(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  if (in.get<std::uint32_t>() != magic) {
    throw TransportError("message that is not fasweep's (wrong first bytes); run nothing else in the same MPI job");
  }
  if (const auto version = in.get<std::uint32_t>(); version != protocol_version) {
    throw TransportError("message of protocol version " + std::to_string(version) + " (this program speaks " +
                         std::to_string(protocol_version) + "); run the same version of fasweep on every rank");
  }
  WireMessage message = decode_alternative(in.get<std::uint8_t>(), in);
  if (in.left() > 0) {
    throw TransportError("message with " + std::to_string(in.left()) +
                         " bytes too many (wrong length); run the same version of fasweep on every rank");
  }
  return message;
}

}  // namespace fasweep
