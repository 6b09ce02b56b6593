// Wire messages: any bytes are a message or are refused; what is a message is harmless to the master and comes back as
// the same bytes.
#include <set>

#include "cluster/master.hpp"
#include "fuzz/fuzzer.hpp"
#include "util/error.hpp"

namespace {

using namespace fasweep;

/// Remembers which runs came, and decodes them.
class Sink final : public RecordSink {
 public:
  [[nodiscard]] bool has(std::int64_t run) const override { return runs_.contains(run); }
  void add(const RecordHeader& header, std::span<const std::byte> encoded) override {
    ByteReader in(encoded);
    testing::require(decode_record(in).run == header.run, "header and record agree");
    runs_.insert(header.run);
  }
  void tick() override {}
  void note_agent(const std::string& /*description*/) override {}

 private:
  std::set<std::int64_t> runs_;
};

const Plan& plan() {
  static const Plan plan(
      parse_job("[grid]\np = 8\nlambda = 0, 1\nseed = 0..9\n[training]\nmax-steps = 100\n[record]\n"
                "metrics = loss, alignment\nsteps = log(4)\n",
                "fuzz.cfg"));
  return plan;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  try {
    const WireMessage message = decode_message(bytes);
    const Bytes again = encode(message);
    testing::require(std::equal(bytes.begin(), bytes.end(), again.begin(), again.end()), "a message has one encoding");
    Sink sink;
    Master master(
        plan(), sink, {}, 2, [](int, const WireMessage&) {}, 0);
    master.handle(1, Hello{plan().hash(), 1, "fuzzer"}, 0);
    master.tick(0);
    master.handle(1, message, 0.1);
    master.tick(0.2);
    static_cast<void>(master.progress(0.3));
  } catch (const TransportError&) {
    return 0;
  }
  return 0;
}
