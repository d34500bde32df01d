// Config: sections that several stages of the request path are made of, and those that have a file
// of their own.
#pragma once

#include <string>

#include "config/declarations.hpp"
#include "plimsoll/path_config.hpp"

namespace plimsoll {

SectionDecl latency_section();
SectionDecl outage_section(std::string share_help);
inline constexpr const char* share_of_requests = "of the requests that it hits";

SectionDecl source_limit_section();
SectionDecl attack_section();
SectionDecl aggregation_section();
SectionDecl broker_section();
SectionDecl edge_section(SectionDecl cache);
/// What caches hold: objects of a size, or contexts of clients' sessions.
void check_objects_of_caches(Reader& reader, const RawNode& map, const std::string& path,
                             const PathConfig& config);
/// Connections are found open by a share or by a pool.
void check_connections(Reader& reader, const RawNode& map, const std::string& path,
                       const PathConfig& config);
/// Pools that stand in datacenters, and faults where these go down: `root` is the scenario.
void check_datacenters(Reader& reader, const RawNode& root, Config& config);
/// What the path says and the rest of the scenario makes void: `root` is the scenario.
void check_path(Reader& reader, const RawNode& root, const Config& config);

}  // namespace plimsoll
