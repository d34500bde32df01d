// Who gets GPUs that several pools share: claims by priority, nodes by fit, preemption.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "engine/engine.hpp"
#include "operations/gpu_claimant.hpp"
#include "operations/gpu_inventory.hpp"
#include "operations/gpu_nodes.hpp"
#include "operations/node_deliveries.hpp"
#include "plimsoll/allocation_summary.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

/// One scheduler for the nodes of one SharedGpusConfig. A pool claims the GPUs of one replica at a
/// time. Of the claims that wait, those within their pool's guarantee go first, then larger
/// priorities, then older ones. Each in turn
///   - is granted when nodes have its GPUs free: those that fit best, of these where the weights
///   are
///     nearest, of these the first;
///   - else waits for replicas that are leaving, whose GPUs are kept for it;
///   - else preempts, with SharedGpusConfig::preemption: on the nodes where the highest priority
///     that loses a replica is lowest, then the fewest GPUs are taken;
///   - else waits and is passed over: GPUs that it cannot use go to the next.
/// So claims that need less overtake one that needs more than any node has. That ends when it has
/// waited for SharedGpusConfig::reserve_after: the first such claim of a pass has the nodes
/// reserved where it lacks the fewest GPUs. Claims after it get GPUs there only for replicas that
/// it could preempt; what else becomes free there is kept. What it lacks there thus never grows but
/// by faults and claims that go before it, and it is met when those who are there have left.
///
/// Only replicas above their pool's guarantee are preempted, and only for a claim of a higher
/// priority or within a guarantee. A replica is thus replaced by one that ranks strictly higher and
/// never takes its place back while that is wanted: with constant demands preemption comes to an
/// end, without any hysteresis. GPUs are promised to nobody beyond an event: each time something
/// changes all claims are considered anew, so no withdrawn claim holds any.
///
/// It knows at once which GPUs are broken and grants none of them. A replica that had some is lost:
/// it counts neither for its pool's guarantee nor as one to preempt, and what works of its GPUs is
/// there for others once its pool has given them back.
class GpuScheduler final : public GpuInventory {
 public:
  /// `config` and `engine` outlive it.
  GpuScheduler(const Config& config, std::size_t shared, Engine& engine);

  /// A pool takes part; `claimant` outlives this. Returns what it calls itself here.
  std::size_t add(PoolIndex pool, std::size_t slots, GpuClaimant& claimant);
  /// At t = 0, when all pools have made their first claims: grants what there is.
  void start();

  /// A slot without GPUs asks for some: granted() follows, within the call or later.
  void claim(std::size_t member, std::size_t slot);
  /// A claim that waits is not wanted any more.
  void withdraw(std::size_t member, std::size_t slot);
  /// A slot that has GPUs gives them back soon, of its own.
  void leaving(std::size_t member, std::size_t slot);
  /// The slot's GPUs are free.
  void returned(std::size_t member, std::size_t slot);

  // GpuInventory: broken GPUs.
  std::vector<StruckReplica> strike(const GpuRange& range) override;
  std::vector<StruckReplica> repair(const GpuRange& range) override;

  /// Is told of each node that comes, before claims are considered; set before start().
  void set_arrival_listener(std::function<void(int node)> listener) {
    arrival_listener_ = std::move(listener);
  }
  /// GPU-ns up to now() of GPUs that were there, and of those that worked and were nobody's.
  std::int64_t total_ns() const { return nodes_.times(engine_.now()).total; }
  std::int64_t unallocated_ns() const { return nodes_.times(engine_.now()).free; }
  int free_gpus() const { return nodes_.free(); }
  /// Up to now(), but for what pools know: preempted_busy, shares and losses.
  SharedGpusSummary summary() const;

 private:
  enum class Hold : std::uint8_t { none, waiting, held, leaving, revoked, lost };
  struct Slot {
    Hold hold = Hold::none;
    std::uint64_t number = 0;  // of its claim: the larger, the younger
    SimTime claimed{};
    bool preempts = false;  // this claim has
    bool reserves = false;  // likewise
    std::vector<int> nodes;
  };
  struct Member {
    PoolIndex pool = 0;
    GpuClaimant* claimant = nullptr;
    std::vector<int> layout;  // GPUs by node of a replica
    int gpus = 0;             // of a replica
    int priority = 0;
    int guaranteed = 0;
    int held = 0;                // replicas that have GPUs and keep them
    std::int64_t allocated = 0;  // GPUs
    std::vector<Slot> slots;
    std::deque<std::size_t> claims;  // slots that wait, the oldest first
    ClaimSummary seen;               // of claims that are over
    std::int64_t gpu_ns = 0;
  };
  /// What a pass has left of a node for the claims to come.
  struct Left {
    int free = 0;
    int coming = 0;  // of replicas that leave
    bool reserved = false;
  };
  /// The claim whose turn it is.
  struct Turn {
    std::size_t member = 0;
    std::size_t slot = 0;
    bool guaranteed = false;
  };
  /// What a claim would take of one node, and from whom.
  struct Offer {
    int node = 0;
    std::vector<GpuHolder> victims;
    int highest_priority = 0;  // of victims
    int victim_gpus = 0;
    int coming = 0;  // GPUs to wait for
    int left_over = 0;
    int warmth = 0;
  };
  struct Action {
    std::size_t member = 0;
    std::size_t slot = 0;
    bool grant = false;
  };

  void settle();
  void add_node(int node);
  void reserve_for(const Turn& turn);
  std::optional<int> node_to_reserve(const Turn& turn, int gpus) const;
  int preemptible(int node, const Turn& turn) const;
  bool may_use_reserved(const Turn& turn) const;
  std::vector<int> spare_replicas() const;
  void pass();
  void pass_soon();
  void look_at_nodes();
  std::optional<Turn> next_turn(const std::vector<std::size_t>& served,
                                const std::vector<bool>& passed_over) const;
  bool serve(const Turn& turn);
  std::optional<std::vector<Offer>> offers_for(const Turn& turn) const;
  std::optional<Offer> offer_of(int node, int gpus, const Turn& turn,
                                const std::vector<Offer>& taken) const;
  bool add_victims(Offer& offer, int missing, const Turn& turn,
                   const std::vector<Offer>& taken) const;
  bool outranks(const Turn& turn, const Member& other) const;
  static bool better(const Offer& a, const Offer& b);
  void keep_for(const Offer& offer, int gpus);
  void grant(const Turn& turn, const std::vector<Offer>& offers);
  void revoke(const GpuHolder& victim);
  void hurry_leavers(const Turn& turn, int node);

  const SharedGpusConfig& shared_;
  const Config& config_;
  Engine& engine_;
  std::vector<Member> members_;
  GpuNodes nodes_;
  NodeDeliveries deliveries_;
  std::function<void(int)> arrival_listener_;
  std::int64_t waiting_ = 0;  // claims
  std::uint64_t claims_ = 0;
  bool started_ = false;
  bool passing_ = false;
  bool pass_is_due_ = false;
  std::vector<Left> left_;        // by node, during a pass
  std::optional<Turn> reserver_;  // for whom nodes are reserved, during a pass
  std::vector<Action> actions_;   // of a pass
  SimTime since_{};               // of the account
  std::int64_t blocked_ns_ = 0;
  std::int64_t most_allocated_ = 0;
};

}  // namespace plimsoll
