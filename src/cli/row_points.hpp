// Command line: what a row of a table of measurements is in terms of the catalog.
#pragma once

#include <string>

#include "cli/catalog_names.hpp"
#include "cli/measurement_rows.hpp"
#include "cli/prediction.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll::cli {

/// A row that is not predicted, and why.
struct Unpredictable {
  std::string reason;
};

/// What `engine` takes, unless the point says otherwise: a profile, budgets, memory, and in a
/// closed loop how it schedules and what stands before it.
void take_from(const KnownEngine& engine, bool closed_loop, Point& point);

/// The first line of the first finding: the arithmetic below it is for people at a point.
std::string reason_of(const ConfigError& error);

struct RowPoint {
  Point point;
  TpotMeaning tpot = TpotMeaning::mean;
};

/// The point that a row measured. Throws Unpredictable for a model, GPU, engine or precision that
/// the catalog does not know.
RowPoint point_of_row(const MeasurementRow& row, const CatalogNames& names);

}  // namespace plimsoll::cli
