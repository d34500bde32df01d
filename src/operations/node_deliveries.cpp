// Orders of nodes of shared GPUs: when they come.
#include "operations/node_deliveries.hpp"

#include <utility>

#include "operations/duration_law.hpp"

namespace plimsoll {

NodeDeliveries::NodeDeliveries(const Config& config, std::size_t shared, Engine& engine,
                               std::function<void(int)> delivered)
    : shared_{config.shared_gpus[shared]},
      engine_{engine},
      delivered_{std::move(delivered)},
      lead_stream_{config.seed, "lead_time:shared_gpus:" + shared_.name} {
  if (!shared_.procurement) {
    return;
  }
  int next = shared_.nodes;
  for (const NodeOrderConfig& order : shared_.procurement->orders) {
    first_.push_back(next);
    next += order.nodes;
    orders_.push_back({order.nodes, to_seconds(order.at), -1});
  }
}

void NodeDeliveries::start() {
  for (std::size_t order = 0; order < orders_.size(); ++order) {
    engine_.at(sim_start + shared_.procurement->orders[order].at, EventPriority::fleet,
               [this, order] { place(order); });
  }
}

void NodeDeliveries::place(std::size_t order) {
  const NodeProcurementConfig& procurement = *shared_.procurement;
  const Duration wait = wait_for_stock(procurement.stock_outs, engine_.now());
  const Duration lead = draw_duration(procurement.lead_time, lead_stream_.of(order));
  engine_.at(engine_.now() + wait + lead, EventPriority::fleet, [this, order] { deliver(order); });
}

void NodeDeliveries::deliver(std::size_t order) {
  orders_[order].delivered_s = to_seconds(engine_.now().time_since_epoch());
  for (int node = 0; node < shared_.procurement->orders[order].nodes; ++node) {
    delivered_(first_[order] + node);
  }
}

}  // namespace plimsoll
