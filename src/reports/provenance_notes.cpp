// Reports room: what a result rests on that nobody measured.
#include <fmt/core.h>

#include <algorithm>

#include "cost/cost.hpp"
#include "plimsoll/report.hpp"

namespace plimsoll {
namespace {

void note_provenance(std::vector<std::string>& notes, const char* what, const std::string& name,
                     Provenance provenance) {
  if (provenance == Provenance::assumed || provenance == Provenance::rumour) {
    notes.push_back(fmt::format("{} {} rests on {} figures", what, name,
                                provenance == Provenance::rumour ? "rumoured" : "assumed"));
  }
}

void note_price(std::vector<std::string>& notes, const PriceSpec& price, Contract contract) {
  note_provenance(notes, "Price", price.name, price.provenance);
  for (const FigureSource& figure : price.figures) {
    if (figure.name == contract_name(contract)) {
      note_provenance(notes, "Price", price.name + ", " + figure.name + ",", figure.provenance);
    }
  }
}

}  // namespace

std::vector<std::string> provenance_notes(const Config& config) {
  std::vector<std::string> notes;
  for (const PoolConfig& pool : config.pools) {
    const GpuSpec& gpu = config.gpus[pool.gpu];
    const ModelSpec& model = config.models[pool.model];
    const EngineProfile& profile = config.profiles[pool.profile];
    note_provenance(notes, "GPU", gpu.name, gpu.provenance);
    if (gpu.decode_extrapolated) {
      notes.push_back(
          fmt::format("Decode times on {} are extrapolated: none are published", gpu.name));
    }
    note_provenance(notes, "Model", model.name, model.provenance);
    if (pool.speculation) {
      const ModelSpec& draft = config.models[pool.speculation->draft];
      note_provenance(notes, "Model", draft.name, draft.provenance);
    }
    note_provenance(notes, "Engine profile", profile.name, profile.provenance);
    if (pool.weights && pool.weights->loader) {
      const LoaderSpec& loader = config.loaders[*pool.weights->loader];
      note_provenance(notes, "Loader", loader.name, loader.provenance);
    }
    if (pool.price) {
      note_price(notes, config.prices[*pool.price], pool.contract);
    }
    if (has_offers(pool)) {
      for (const OfferConfig& offer : pool.procurement->offers) {
        note_price(notes, config.prices[offer.price], offer.contract);
      }
    }
  }
  for (const CostItemConfig& item : config.money.costs) {
    note_provenance(notes, "Cost", item.name, item.provenance);
  }
  for (const RevenueConfig& revenue : config.money.revenue) {
    note_provenance(notes, "Revenue", revenue.name, revenue.provenance);
  }
  std::sort(notes.begin(), notes.end());
  notes.erase(std::unique(notes.begin(), notes.end()), notes.end());
  return notes;
}

}  // namespace plimsoll
