// What a fuzzer is: one function that takes any bytes. libFuzzer or mutate_seeds.cpp calls it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fasweep::testing {

/// Ends the fuzzer, in release builds too, if what must hold does not.
inline void require(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
  }
}

/// A folder for files that a fuzzer must have on disk; goes with the program.
class FuzzerFolder {
 public:
  FuzzerFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "fasweep-fuzzer-XXXXXX").string();
    require(mkdtemp(name.data()) != nullptr, "a folder can be made");
    path_ = name;
  }
  ~FuzzerFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  FuzzerFolder(const FuzzerFolder&) = delete;
  FuzzerFolder& operator=(const FuzzerFolder&) = delete;

  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace fasweep::testing
