// The GPUs that several pools share, node by node: which are there, which work, and whose they are.
#include "operations/gpu_nodes.hpp"

#include <algorithm>

#include "plimsoll/errors.hpp"

namespace plimsoll {

GpuNodes::GpuNodes(int nodes, int per_node, int there) : per_node_{per_node} {
  Node node;
  node.gpus.resize(static_cast<std::size_t>(per_node));
  nodes_.assign(static_cast<std::size_t>(nodes), node);
  for (int n = 0; n < there; ++n) {
    arrive(n);
  }
}

/// GPUs of a node that is there go from one state to another; of one to come only the broken ones
/// are counted, and by themselves.
void GpuNodes::change(Node& node, int free, int down, int broken) {
  node.broken += broken;
  if (!node.there) {
    return;
  }
  node.free += free;
  PLIMSOLL_CHECK(node.free >= 0, "no GPU has two users");
  free_ += free;
  down_ += down;
  broken_ += broken;
}

int GpuNodes::working_of(int node, const GpuHolder& holder) const {
  int working = 0;
  for (const Gpu& gpu : at(node).gpus) {
    const bool has = gpu.member == holder.member && gpu.slot == holder.slot;
    working += has && gpu.faults == 0 ? 1 : 0;
  }
  return working;
}

void GpuNodes::take(int index, const GpuHolder& holder) {
  Node& node = nodes_[static_cast<std::size_t>(index)];
  PLIMSOLL_CHECK(node.there && node.free >= holder.gpus, "a replica gets GPUs that are free");
  int wanted = holder.gpus;
  for (Gpu& gpu : node.gpus) {
    if (wanted > 0 && gpu.member == nobodys && gpu.faults == 0) {
      gpu.member = holder.member;
      gpu.slot = holder.slot;
      --wanted;
    }
  }
  PLIMSOLL_CHECK(wanted == 0, "the free GPUs of a node are counted");
  node.holders.push_back(holder);
  change(node, -holder.gpus, 0, 0);
}

void GpuNodes::give_back(int index, const GpuHolder& holder) {
  Node& node = nodes_[static_cast<std::size_t>(index)];
  int working = 0;
  int gone = 0;
  for (Gpu& gpu : node.gpus) {
    if (gpu.member == holder.member && gpu.slot == holder.slot) {
      gpu.member = nobodys;
      ++(gpu.faults == 0 ? working : gone);
    }
  }
  const auto found =
      std::find_if(node.holders.begin(), node.holders.end(),
                   [&](const GpuHolder& other) { return other.same_replica(holder); });
  PLIMSOLL_CHECK(found != node.holders.end() && found->gpus == working + gone,
                 "who gives GPUs back has them");
  node.holders.erase(found);
  change(node, working, gone, 0);
}

void GpuNodes::arrive(int index) {
  Node& node = nodes_[static_cast<std::size_t>(index)];
  PLIMSOLL_CHECK(!node.there, "a node comes once");
  node.there = true;
  there_ += per_node_;
  broken_ += node.broken;
  change(node, per_node_ - node.broken, node.broken, 0);
}

void GpuNodes::note_holder(std::vector<GpuHolder>& found, const Node& node, const Gpu& gpu) {
  if (gpu.member == nobodys) {
    return;
  }
  const GpuHolder owner{gpu.member, gpu.slot, 0};
  const auto same = [&](const GpuHolder& other) { return other.same_replica(owner); };
  if (std::none_of(found.begin(), found.end(), same)) {
    found.push_back(*std::find_if(node.holders.begin(), node.holders.end(), same));
  }
}

std::vector<GpuHolder> GpuNodes::strike(int index, int first, int count) {
  Node& node = nodes_[static_cast<std::size_t>(index)];
  std::vector<GpuHolder> struck;
  for (int i = first; i < first + count; ++i) {
    Gpu& gpu = node.gpus[static_cast<std::size_t>(i)];
    if (gpu.faults++ > 0) {
      continue;
    }
    const bool nobody = gpu.member == nobodys;
    change(node, nobody ? -1 : 0, nobody ? 1 : 0, 1);
    note_holder(struck, node, gpu);
  }
  return struck;
}

std::vector<GpuHolder> GpuNodes::repair(int index, int first, int count) {
  Node& node = nodes_[static_cast<std::size_t>(index)];
  std::vector<GpuHolder> found;
  for (int i = first; i < first + count; ++i) {
    Gpu& gpu = node.gpus[static_cast<std::size_t>(i)];
    PLIMSOLL_CHECK(gpu.faults > 0, "only a broken GPU is repaired");
    if (--gpu.faults > 0) {
      continue;
    }
    const bool nobody = gpu.member == nobodys;
    change(node, nobody ? 1 : 0, nobody ? -1 : 0, -1);
    note_holder(found, node, gpu);
  }
  return found;
}

void GpuNodes::settle(SimTime now) {
  times_ = times(now);
  since_ = now;
}

GpuTimes GpuNodes::times(SimTime now) const {
  const std::int64_t passed = (now - since_).count();
  GpuTimes times = times_;
  times.total += passed * there_;
  times.free += passed * free_;
  times.down += passed * down_;
  times.broken += passed * broken_;
  return times;
}

}  // namespace plimsoll
