// What the GPUs of a run drew. Definitions: docs/metrics.md.
#pragma once

namespace plimsoll {

/// Energy of a pool or of the whole, from t = 0 to the end of the run; when windows of a horizon
/// are played, within these. Of what the GPUs draw: not of hosts, network or cooling.
struct EnergySummary {
  double steps_joules = 0;        // in steps
  double idle_joules = 0;         // of replicas that serve, outside of steps
  double loading_joules = 0;      // of replicas that are rented and do not serve yet
  double unallocated_joules = 0;  // of the whole: shared GPUs that work and that nobody has
  double joules = 0;              // the sum of the four
  double kwh = 0;
  double mean_watts = 0;               // joules / that time
  double joules_per_output_token = 0;  // of completed requests; 0 without any
  double joules_per_request = 0;       // completed
};

}  // namespace plimsoll
