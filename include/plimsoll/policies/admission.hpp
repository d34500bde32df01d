// Admission policies accept or refuse a request before it may wait.
#pragma once

#include <cstdint>

#include "plimsoll/config.hpp"
#include "plimsoll/policies/registry.hpp"
#include "plimsoll/policies/replica_load.hpp"
#include "plimsoll/policies/request_view.hpp"

namespace plimsoll {

/// What an admission policy may know of the service.
struct ServiceLoad {
  std::int64_t waiting = 0;      // requests in the central queue
  std::int64_t outstanding = 0;  // requests at replicas
  std::int64_t replicas = 0;     // that serve
};

enum class AdmitResult : std::uint8_t { admitted, shed, rate_limited };

/// Contract: O(1), no clock but `now`, which never runs back. A policy that follows replicas is
/// told of them as a router is, and of nothing else.
class AdmissionPolicy {
 public:
  virtual ~AdmissionPolicy() = default;
  virtual AdmitResult admit(const RequestView& request, const ServiceLoad& load, SimTime now) = 0;

  virtual bool follows_replicas() const { return false; }
  virtual void reset(std::uint32_t /*replicas*/) {}
  virtual void update(std::uint32_t /*replica*/, const ReplicaLoad& /*load*/) {}
};

void register_builtin_admissions(Registry<AdmissionPolicy>& admissions);

}  // namespace plimsoll
