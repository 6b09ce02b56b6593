// Products of device.hpp where the program was built without cuBLAS's headers: there are none.
#include "backend/cuda/device.hpp"

namespace fasweep {

std::string why_no_products() {
  return "this program was built without cuBLAS (its headers were missing)";
}

Products::Products(Stream& /*stream*/) {
  throw DeviceError("cannot multiply on the device (" + why_no_products() + "); install them and build again");
}
Products::~Products() = default;
void Products::queue(const Product& /*product*/) {}
void Products::queue(const HalfProduct& /*product*/) {}

}  // namespace fasweep
