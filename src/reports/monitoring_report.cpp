// Reports room: monitoring.csv.
#include <fmt/format.h>

#include "plimsoll/report.hpp"
#include "reports/csv_field.hpp"
#include "reports/output_file.hpp"

namespace plimsoll {
namespace {

constexpr const char* monitoring_header = "at_s,metric,pool,replica,le,value\n";

}  // namespace

class MonitoringWriter::File : public OutputFile {
 public:
  using OutputFile::OutputFile;
};

MonitoringWriter::MonitoringWriter(const std::string& path) : file_{new File{path}} {
  file_->write(monitoring_header);
}
MonitoringWriter::~MonitoringWriter() = default;
void MonitoringWriter::write(const MonitoringRow& row) {
  file_->write(fmt::format("{},{},{},{},{},{}\n", decimal_seconds(row.at.time_since_epoch()),
                           row.metric, csv_field(row.pool), row.replica, row.le, row.value));
}
void MonitoringWriter::close() {
  file_->close();
}

}  // namespace plimsoll
