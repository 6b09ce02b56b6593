#include "store/export_csv.hpp"

#include <string>
#include <vector>

#include "store/result_file.hpp"
#include "util/text.hpp"

namespace fasweep {

void export_csv(const std::filesystem::path& path, std::ostream& out, CsvRows rows) {
  const ResultFile file(path);
  const Plan& plan = file.plan();
  const std::vector<const Key*> columns = plan.columns();
  const auto write_axes = [&](const RunRecord& record) {
    const Point point = plan.point(record.run);
    out << record.run;
    for (const Key* key : columns) {
      out << "," << csv_cell(write_value(*key, point));
    }
  };
  out << "run";
  for (const Key* key : columns) {
    out << "," << key->column;
  }
  out << (rows == CsvRows::runs ? ",status,stop_reason,steps,solver,wall_s" : ",step");
  for (const int metric : plan.metrics()) {
    out << (rows == CsvRows::runs ? ",final_" : ",") << Metrics::names[static_cast<std::size_t>(metric)];
  }
  out << "\n";
  file.for_each_record([&](const RunRecord& record) {
    if (rows == CsvRows::runs) {
      write_axes(record);
      out << "," << name_of(record.status) << "," << name_of(record.reason) << "," << record.steps << ","
          << name_of(record.solver) << "," << format_real(record.wall_s);
      for (const double value : record.final_values) {
        out << "," << format_real(value);
      }
      out << "\n";
      return;
    }
    const std::vector<std::int64_t>& steps = plan.recorded_steps(plan.point(record.run));
    for (std::uint32_t point = 0; point < record.points; ++point) {
      write_axes(record);
      out << "," << steps[point];
      for (std::size_t metric = 0; metric < record.metrics; ++metric) {
        out << "," << format_real(record.trajectory[metric * record.points + point]);
      }
      out << "\n";
    }
  });
}

}  // namespace fasweep
