// Files of data sets: any bytes are samples or are refused. The first byte chooses the reader.
#include "data/csv.hpp"
#include "data/idx.hpp"
#include "fuzz/fuzzer.hpp"
#include "util/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fasweep;
  if (size == 0) {
    return 0;
  }
  const FileBytes bytes(data + 1, data + size);
  try {
    switch (data[0] % 4) {
      case 0: {
        const IdxFile images = decode_idx(bytes, IdxContent::images, "fuzz");
        const auto values = static_cast<std::int64_t>(images.values.size());
        testing::require(images.sizes[0] * images.sizes[1] * images.sizes[2] == values,
                         "sizes are those of the values");
        break;
      }
      case 1: {
        const IdxFile labels = decode_idx(bytes, IdxContent::labels, "fuzz");
        testing::require(labels.sizes[0] == static_cast<std::int64_t>(labels.values.size()), "each label is there");
        break;
      }
      case 2: {
        const Samples<double> table =
            parse_csv({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, {}, "fuzz");
        testing::require(static_cast<std::int64_t>(table.x.size()) == table.rows * table.inputs, "rows are full");
        testing::require(static_cast<std::int64_t>(table.y.size()) == table.rows, "each row has a target");
        break;
      }
      default:
        static_cast<void>(decompress(bytes, "fuzz"));
    }
  } catch (const ConfigError&) {
    return 0;
  }
  return 0;
}
