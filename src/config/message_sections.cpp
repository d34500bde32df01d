// Config: requests as messages on their way to the queues: aggregation and the broker.
#include <fmt/format.h>

#include <cmath>

#include "config/kinds.hpp"
#include "config/path_parts.hpp"

namespace plimsoll {
namespace {

constexpr std::int64_t most_messages = 1'000'000'000;

SectionDecl broker_queue_section() {
  return Section<BrokerQueueConfig>{}
      .field("depth", &BrokerQueueConfig::depth, big_count_kind(0, most_messages), "",
             "messages that may wait; the next end as queue_full")
      .field("partitions", &BrokerQueueConfig::partitions, count_kind(1, 10'000), "1",
             "each in order, with its share of depth and capacity; a message goes to any of them")
      .field("at_failover", &BrokerQueueConfig::at_failover,
             word_kind<BacklogFate>({{"keep", BacklogFate::keep}, {"lose", BacklogFate::lose}}),
             "keep",
             "what becomes of the messages that wait when an outage begins: they keep their turns, "
             "or fail")
      .build();
}

/// An outage of a broker with a queue takes whole partitions.
void finish_broker(Reader& reader, const RawNode& map, const std::string& path,
                   BrokerConfig& broker, bool clean) {
  if (!clean || !broker.queue) {
    return;
  }
  if (!broker.capacity) {
    reader.report(place_of_key(map, "queue"), join_path(path, "queue"),
                  "nobody waits without a capacity", "give capacity, e.g. 2000/s");
  }
  for (std::size_t i = 0; i < broker.outages.size(); ++i) {
    const double hit = broker.outages[i].share * broker.queue->partitions;
    if (std::abs(hit - std::round(hit)) > 1e-9) {
      reader.report(place_of_key(map, "outages"),
                    join_path(path, fmt::format("outages.{}.share", i)),
                    fmt::format("with a queue an outage takes partitions, and {:.3g} of {} is no "
                                "whole number",
                                broker.outages[i].share, broker.queue->partitions),
                    "give a share that is a multiple of 1 / partitions");
    }
  }
}

}  // namespace

SectionDecl aggregation_section() {
  return Section<AggregationConfig>{}
      .field("size", &AggregationConfig::size, big_count_kind(1, 1'000'000), "",
             "requests of a message: with so many it goes")
      .field("window", &AggregationConfig::window, duration_kind(true), "",
             "a message goes so long after its first request came, however many there are")
      .field("by", &AggregationConfig::by,
             word_kind<AggregateBy>(
                 {{"model", AggregateBy::model}, {"class", AggregateBy::request_class}}),
             "model", "whose requests go together")
      .section("latency", &AggregationConfig::latency, latency_section(), "of a message")
      .optional("capacity", &AggregationConfig::capacity, frequency_kind(),
                "messages per second; the rest waits")
      .field("during_outage", &AggregationConfig::during_outage,
             word_kind<DuringOutage>({{"hold", DuringOutage::hold}, {"fail", DuringOutage::fail}}),
             "hold",
             "what becomes of messages that are gathered then: they wait until it is over, "
             "or all of their requests fail")
      .list("outages", &AggregationConfig::outages, outage_section("of the messages that it hits"),
            "no message goes on")
      .build();
}

SectionDecl broker_section() {
  return Section<BrokerConfig>{}
      .section("latency", &BrokerConfig::latency, latency_section(), "of handing on")
      .optional("capacity", &BrokerConfig::capacity, frequency_kind(),
                "messages per second (requests, without aggregation); the rest waits")
      .optional_section("queue", &BrokerConfig::queue, broker_queue_section(),
                        "of the broker's own: with a depth, and a fate when it fails over; outages "
                        "stop it, and what waits has its turn after them")
      .field("during_outage", &BrokerConfig::during_outage,
             word_kind<DuringOutage>({{"hold", DuringOutage::hold}, {"fail", DuringOutage::fail}}),
             "hold", "what becomes of requests that come then: they wait until it is over, or fail")
      .list("outages", &BrokerConfig::outages,
            outage_section("of the requests that it hits; with a queue, of its partitions"),
            "it fails over to its replica")
      .finish(finish_broker)
      .build();
}

}  // namespace plimsoll
