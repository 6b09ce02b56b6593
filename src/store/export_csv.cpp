#include "store/export_csv.hpp"

#include <optional>
#include <string>
#include <vector>

#include "model/metric/list.hpp"
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
  out << (rows == CsvRows::runs ? ",status,stop_reason,steps,solver,wall_s,first_step_deviation" : ",step");
  for (const MetricPlace& place : plan.layout().places) {
    for (std::size_t number = 0; number < place.size; ++number) {
      out << (rows == CsvRows::runs ? ",final_" : ",") << Metrics::names[static_cast<std::size_t>(place.metric)];
      if (!dimension_of(place.metric).empty()) {
        out << "_" << number;
      }
    }
  }
  out << "\n";
  /// Calls `write` with the position in the record of every number of a row's columns; nothing where the run has fewer.
  const auto for_each_number = [&](const RunRecord& record, const auto& write) {
    const MetricLayout own = plan.layout(plan.point(record.run));
    for (std::size_t i = 0; i < own.places.size(); ++i) {
      for (std::size_t number = 0; number < plan.layout().places[i].size; ++number) {
        write(number < own.places[i].size ? std::optional(own.places[i].first + number) : std::nullopt);
      }
    }
  };
  file.for_each_record([&](const RunRecord& record) {
    if (rows == CsvRows::runs) {
      write_axes(record);
      out << "," << name_of(record.status) << "," << name_of(record.reason) << "," << record.steps << ","
          << name_of(record.solver) << "," << format_real(record.wall_s) << ","
          << format_real(record.first_step_deviation);
      for_each_number(record, [&](std::optional<std::size_t> number) {
        out << "," << format_real(number ? record.final_values[*number] : not_a_number);
      });
      out << "\n";
      return;
    }
    const std::vector<std::int64_t>& steps = plan.recorded_steps(plan.point(record.run));
    for (std::uint32_t point = 0; point < record.points; ++point) {
      write_axes(record);
      out << "," << steps[point];
      for_each_number(record, [&](std::optional<std::size_t> number) {
        out << "," << format_real(number ? record.trajectory[*number * record.points + point] : not_a_number);
      });
      out << "\n";
    }
  });
}

}  // namespace fasweep
