// What a plan would take on one GPU: the runs of each activation and width, by the measured figures of
// backend/cuda/device_profile.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/cuda/device_profile.hpp"
#include "sweep/plan.hpp"

namespace fasweep::cli {

/// The runs of one activation and width that a device trains in one way.
struct ForecastRow {
  Solver solver = Solver::automatic;
  int activation = 0;
  int width = 0;
  std::int64_t runs = 0;
  double steps = 0;   // of a run, at most
  StepForecast step;  // of one run
  double seconds = 0;
};

struct DeviceForecast {
  std::vector<ForecastRow> rows;
  std::int64_t left_to_cpu = 0;  // runs that a device does not take, or that are cheaper on a core
  std::int64_t unknown = 0;      // runs that a device takes, but whose kind was not measured
  double device_s = 0;           // records and waits not included
  double setup_s = 0;            // of data and initial states, on one core
};

[[nodiscard]] DeviceForecast forecast_device(const Plan& plan, const DeviceProfile& device);

}  // namespace fasweep::cli
