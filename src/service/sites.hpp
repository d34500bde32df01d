// Which service answers for a model in a datacenter.
#pragma once

#include <cstddef>
#include <vector>

#include "service/service.hpp"
#include "serving/user_events.hpp"

namespace plimsoll {

/// A model's pools stand in datacenters, each of which has a service of its own with its own queue,
/// or one service answers wherever a request comes.
class Sites {
 public:
  Sites() = default;
  Sites(std::size_t models, std::size_t datacenters)
      : datacenters_{datacenters}, everywhere_(models, nullptr), there_(models * datacenters) {}

  void set_everywhere(ModelIndex model, Service& service) { everywhere_[model] = &service; }
  void set_there(ModelIndex model, std::size_t datacenter, Service& service) {
    there_[model * datacenters_ + datacenter] = &service;
    some_there_ = true;
  }

  /// Null where no pool serves the model.
  Service* of(ModelIndex model, std::uint16_t datacenter) const {
    if (everywhere_[model] != nullptr || datacenter == no_datacenter || datacenters_ == 0) {
      return everywhere_[model];
    }
    return there_[model * datacenters_ + datacenter];
  }
  /// A service of the model, wherever; null where no pool serves it.
  Service* somewhere(ModelIndex model) const {
    Service* found = everywhere_[model];
    for (std::size_t d = 0; d < datacenters_ && found == nullptr; ++d) {
      found = there_[model * datacenters_ + d];
    }
    return found;
  }
  /// Datacenters differ in what they serve.
  bool differ() const { return some_there_; }

 private:
  std::size_t datacenters_ = 0;
  std::vector<Service*> everywhere_;  // by model
  std::vector<Service*> there_;       // by model and datacenter
  bool some_there_ = false;
};

}  // namespace plimsoll
