// Workload: how many users there are, over time.
#pragma once

#include <array>
#include <vector>

#include "plimsoll/users_config.hpp"

namespace plimsoll {

/// A curve through milestones, or fitted to them; never decreasing.
///
/// milestones: the piecewise cubic of Fritsch and Carlson (SIAM J. Numer. Anal. 17, 1980) with
/// slopes by the weighted harmonic mean (Fritsch and Butland, 1984): it goes through every
/// milestone, is monotone between them, and is constant outside. logistic and bass: least squares
/// of the logarithms (milestones span orders of magnitude) by Levenberg and Marquardt, the best of
/// descents from a grid of starts.
class GrowthCurve {
 public:
  explicit GrowthCurve(const UserGrowth& growth);

  double users_at(Duration t) const;
  /// The largest |curve / milestone - 1| over milestones with users; 0 for milestones.
  double worst_misfit() const { return misfit_; }

 private:
  double interpolated(double day) const;
  double fitted(double day) const;
  void set_slopes();
  void fit();

  UserGrowth::Curve curve_;
  std::vector<double> days_;
  std::vector<double> users_;
  std::vector<double> slopes_;          // users per day, at the milestones
  std::array<double, 3> parameters_{};  // logarithms; see fitted()
  double misfit_ = 0;
};

}  // namespace plimsoll
