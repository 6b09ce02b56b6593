// The errors a user or a machine can cause. Message grammar: "problem (why); what to do", lower case, with the
// offending value and what is accepted. Only main() catches them all and turns them into exit codes; our own mistakes
// are asserts.
#pragma once

#include <stdexcept>
#include <string>

namespace fasweep {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A job file, command line or path that cannot be used. Exit code 2.
/// Example: "key 'grid.p' = '0' is not accepted (widths start at 1); write positive integers such as 100*2^1..7"
class ConfigError : public Error {
 public:
  using Error::Error;
};

/// The result file belongs to another plan. Exit code 4.
class PlanConflictError : public Error {
 public:
  using Error::Error;
};

/// A result file or journal whose bytes cannot be trusted. Exit code 5.
class DamagedError : public Error {
 public:
  using Error::Error;
};

/// Results cannot be written or read now (disk full, I/O error); what was acknowledged is kept. Exit code 75.
class StoreError : public Error {
 public:
  using Error::Error;
};

/// A GPU that is missing or failed. Exit code 1.
class DeviceError : public Error {
 public:
  using Error::Error;
};

/// A message that is malformed, or of another version or plan. Exit code 1.
class TransportError : public Error {
 public:
  using Error::Error;
};

}  // namespace fasweep
