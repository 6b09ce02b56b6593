// A small plan and made-up records for its runs, for tests of the store.
#pragma once

#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "store/export_csv.hpp"
#include "store/result_file.hpp"
#include "store/result_store.hpp"
#include "store/status_report.hpp"
#include "store/verify.hpp"
#include "support/folder.hpp"
#include "sweep/plan.hpp"

namespace fasweep::testing {

inline Plan make_plan(const KeyValues& overrides = {}) {
  return Plan(
      parse_job("[grid]\np = 2, 3\nlambda = 0, 1\nseed = 0..2\n[training]\nmax-steps = 10\n[record]\n"
                "steps = log(4)\nmetrics = loss, alignment\n",
                "test.cfg", overrides));
}

/// The record of a run: numbers that follow from its coordinates, so that any plan gives the same run the same record.
inline RunRecord make_record(const Plan& plan, std::int64_t run, double wall_s = 1) {
  const RunSpec spec = plan.at(run);
  const RecordSettings settings = plan.settings(run).record;
  RunRecord record;
  record.run = run;
  record.steps = 10;
  record.wall_s = wall_s;
  record.finished_at = 1000 + wall_s;
  record.status = RunStatus::done;
  record.reason = StopReason::max_steps;
  record.solver = Solver::weight_space;
  record.precision = plan.settings(run).training.precision;
  record.metrics = static_cast<std::uint32_t>(plan.layout(plan.point(run)).values);
  record.points = static_cast<std::uint32_t>(settings.steps.size());
  for (std::uint32_t i = 0; i < record.metrics; ++i) {
    for (std::uint32_t point = 0; point < record.points; ++point) {
      record.trajectory.push_back(spec.width + 10 * spec.ridge + 100 * static_cast<double>(spec.seed) + i +
                                  point / 8.0);
    }
    record.final_values.push_back(record.trajectory.back());
  }
  return record;
}

inline void add(ResultStore& store, const RunRecord& record) {
  ByteWriter out;
  encode(record, out);
  store.add(record, out.view());
}

inline SessionInfo session() {
  return {"fasweep run test", "fasweep: test\n", "host"};
}

/// Options that collect the warnings.
inline StoreOptions collecting(std::vector<std::string>& warnings) {
  StoreOptions options;
  options.warn = [&warnings](const std::string& text) { warnings.push_back(text); };
  return options;
}

inline Bytes read_bytes(const std::filesystem::path& path) {
  const MappedFile map(path);
  return {map.bytes().begin(), map.bytes().end()};
}

inline void write_bytes(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  FILE* file = std::fopen(path.c_str(), "wb");
  ASSERT_EQ(std::fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
  std::fclose(file);
}

/// Everything the file holds but times and places, as text.
inline std::string csv_of(const std::filesystem::path& path) {
  std::ostringstream out;
  export_csv(path, out, CsvRows::steps);
  return out.str();
}

}  // namespace fasweep::testing
