// Config: users: how many, what they do, by which clock; and the shapes of days and weeks.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <numeric>

#include "base/unit_text.hpp"
#include "config/kinds.hpp"
#include "config/pairs_kind.hpp"
#include "config/sections.hpp"

namespace plimsoll {

namespace {

using Curve = UserGrowth::Curve;

/// `count` numbers that are not negative and not all 0.
Kind<std::vector<double>> factors_kind(std::size_t count) {
  Kind<std::vector<double>> kind;
  kind.doc.shape = Shape::numbers;
  kind.doc.type = fmt::format("list of {} numbers", count);
  const Kind<double> number = number_kind({0, 1e9, false});
  kind.read = [=](Reader& reader, const RawNode& node, const std::string& path,
                  std::vector<double>& values) {
    values.clear();
    if (!node.is_sequence() || node.items.size() != count) {
      reader.report(node.place, path, fmt::format("expected a list of {} numbers", count));
      return;
    }
    for (std::size_t i = 0; i < count; ++i) {
      number.read(reader, node.items[i], join_path(path, std::to_string(i)), values.emplace_back());
    }
    if (std::accumulate(values.begin(), values.end(), 0.0) <= 0) {
      reader.report(node.place, path, "one of them at least has to be above 0");
    }
  };
  kind.write = [=](const Writer& writer, const std::vector<double>& values) {
    RawNode list;
    list.kind = RawNode::Kind::sequence;
    for (const double value : values) {
      list.items.push_back(number.write(writer, value));
    }
    return list;
  };
  return kind;
}

bool take_number(std::string_view text, std::size_t at, std::size_t digits, int& value) {
  if (text.size() < at + digits) {
    return false;
  }
  const char* const end = text.data() + at + digits;
  const auto read = std::from_chars(text.data() + at, end, value);
  return read.ec == std::errc{} && read.ptr == end && value >= 0;
}

/// Seconds since 1970 of 2022-11-30 or 2022-11-30T10:00Z.
std::optional<std::int64_t> parse_date(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0;
  const bool date = take_number(text, 0, 4, year) && take_number(text, 5, 2, month) &&
                    take_number(text, 8, 2, day) && text[4] == '-' && text[7] == '-';
  const bool time = text.size() == 17 && text[10] == 'T' && text[13] == ':' && text[16] == 'Z' &&
                    take_number(text, 11, 2, hour) && take_number(text, 14, 2, minute);
  const std::chrono::year_month_day calendar{std::chrono::year{year},
                                             std::chrono::month{static_cast<unsigned>(month)},
                                             std::chrono::day{static_cast<unsigned>(day)}};
  if (!date || !(text.size() == 10 || time) || !calendar.ok() || year < 1970 || hour > 23 ||
      minute > 59) {
    return std::nullopt;
  }
  const auto days = std::chrono::sys_days{calendar}.time_since_epoch().count();
  return static_cast<std::int64_t>(days) * 86'400 + hour * 3600 + minute * 60;
}

/// "+05:30", "-08:00" or "0".
std::optional<Duration> parse_offset(std::string_view text) {
  int hours = 0, minutes = 0;
  if (text == "0") {
    return Duration{};
  }
  const bool shape = text.size() == 6 && (text[0] == '+' || text[0] == '-') && text[3] == ':' &&
                     take_number(text, 1, 2, hours) && take_number(text, 4, 2, minutes);
  if (!shape || hours > 14 || minutes > 45 || minutes % 15 != 0) {
    return std::nullopt;
  }
  const Duration offset = std::chrono::hours{hours} + std::chrono::minutes{minutes};
  return text[0] == '-' ? -offset : offset;
}

Kind<Duration> offset_kind() {
  Kind<Duration> kind;
  kind.doc.type = "+HH:MM or -HH:MM";
  kind.read = [](Reader& reader, const RawNode& node, const std::string& path, Duration& value) {
    const auto offset = node.is_scalar() ? parse_offset(node.text) : std::nullopt;
    if (!offset) {
      reader.report(node.place, path,
                    "expected local time minus UTC in quarters of an hour, " + describe_found(node),
                    "e.g. \"-08:00\", \"+05:30\"; 0 is UTC");
    }
    value = offset.value_or(Duration{});
  };
  kind.write = [](const Writer&, const Duration& value) {
    const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(value).count();
    const auto size = std::abs(minutes);
    return scalar_node(
        minutes == 0 ? "0"
                     : fmt::format("{}{:02}:{:02}", minutes < 0 ? '-' : '+', size / 60, size % 60));
  };
  return kind;
}

SectionDecl growth_section() {
  return Section<UserGrowth>{}
      .field("curve", &UserGrowth::curve,
             word_kind<Curve>({{"milestones", Curve::milestones},
                               {"logistic", Curve::logistic},
                               {"bass", Curve::bass}}),
             "milestones", "through the points (monotone cubic), or fitted to them")
      .field("points", &UserGrowth::points,
             pairs_kind("list of [time, users] pairs", &UserGrowth::Point::at, duration_kind(),
                        &UserGrowth::Point::users, number_kind({0, 1e11, false})),
             "", "registered users; the number stays before the first and after the last milestone")
      .finish([](Reader& reader, const RawNode& map, const std::string& path, UserGrowth& growth,
                 bool clean) {
        const auto report = [&](const char* message) {
          reader.report(place_of_key(map, "points"), join_path(path, "points"), message);
        };
        bool ordered = true;
        for (std::size_t i = 1; clean && i < growth.points.size(); ++i) {
          ordered = ordered && growth.points[i].at > growth.points[i - 1].at &&
                    growth.points[i].users >= growth.points[i - 1].users;
        }
        const auto positive = std::count_if(growth.points.begin(), growth.points.end(),
                                            [](const auto& point) { return point.users > 0; });
        if (!ordered) {
          report("times must increase from point to point, and users must not decrease");
        } else if (clean && growth.curve != Curve::milestones && positive < 3) {
          report("a fitted curve needs three points at least with users");
        } else if (clean && growth.curve != Curve::milestones &&
                   growth.points.front().users == growth.points.back().users) {
          report("a fitted curve needs growth");
        } else if (clean && positive == 0) {
          report("there are never any users");
        }
      })
      .build();
}

SectionDecl region_section() {
  return Section<UserRegion>{}
      .field("share", &UserRegion::share, number_kind(positive), "1",
             "weight among the regions; they need not add up to 1")
      .field("utc_offset", &UserRegion::utc_offset, offset_kind(), "0", "local time minus UTC")
      .field("load_shape", &UserRegion::load_shape,
             reference_kind<std::size_t>(NameList::load_shapes), "", "by local time")
      .build();
}

SectionDecl event_section() {
  return Section<DemandEvent>{}
      .field("at", &DemandEvent::at, duration_kind(), "", "when the full factor is reached")
      .field("lasting", &DemandEvent::lasting, duration_kind(true), "", "how long it stays")
      .field("ramp", &DemandEvent::ramp, duration_kind(), "0", "linear rise before, fall after")
      .field("factor", &DemandEvent::factor, number_kind({0, 1e6, false}), "",
             "demand is multiplied by it: an input of the scenario")
      .build();
}

SectionDecl user_tier_section() {
  return Section<UserTierConfig>{}
      .optional("share", &UserTierConfig::share, ratio_kind(),
                "of all registered users, e.g. the free-to-paid conversion; one tier may leave it "
                "out and takes the rest")
      .optional("accounts", &UserTierConfig::accounts, number_kind({0, 1e11, false}),
                "of its own, beside the registered users, e.g. customers of an API")
      .field("from", &UserTierConfig::from, duration_kind(), "0", "nobody has this tier earlier")
      .field("over", &UserTierConfig::over, duration_kind(), "0",
             "its share or accounts grow linearly for so long")
      .field("daily_active", &UserTierConfig::daily_active, ratio_kind(), "",
             "share of its users who come on a day")
      .field("sessions_per_day", &UserTierConfig::sessions_per_day, number_kind({0, 1e6, false}),
             "", "of a user who comes")
      .field("requests_per_session", &UserTierConfig::requests_per_session,
             number_kind({0, 1e6, true}), "", "mean")
      .field("session_length", &UserTierConfig::session_length, duration_kind(), "0",
             "mean; only the count of concurrent users follows from it")
      .build();
}

/// Shares of tiers: they add up to 1 at most, and exactly one takes what is left.
void check_shares(Reader& reader, const RawNode& map, const std::string& path,
                  const UsersConfig& users) {
  double shares = 0;
  std::size_t rest = 0;
  for (const UserTierConfig& tier : users.tiers) {
    shares += tier.share.value_or(0);
    rest += !tier.share && !tier.accounts ? 1 : 0;
    if (tier.share && tier.accounts) {
      reader.report(place_of_key(map, "tiers"), join_path(path, "tiers." + tier.name),
                    "a tier has a share of the users or accounts of its own", "keep one of them");
    }
  }
  if (rest != 1) {
    reader.report(place_of_key(map, "tiers"), join_path(path, "tiers"),
                  fmt::format("{} tiers have neither share nor accounts: one of them takes the "
                              "users whom no other tier has",
                              rest),
                  "leave share out for exactly one tier, e.g. the free one");
  }
  if (shares > 1) {
    reader.report(
        place_of_key(map, "tiers"), join_path(path, "tiers"),
        fmt::format("the shares add up to {}, more than all users", format_number(shares)));
  }
}

void check_users(Reader& reader, const RawNode& map, const std::string& path, UsersConfig& users,
                 bool clean) {
  if (!clean) {
    return;
  }
  const auto start = parse_date(users.start);
  if (!start) {
    reader.report(place_of_key(map, "start"), join_path(path, "start"), "expected a date",
                  "e.g. 2022-11-30 or 2022-11-30T10:00Z, in UTC");
  }
  users.start_s = start.value_or(0);
  check_shares(reader, map, path, users);
  if (users.regions.empty() || users.tiers.empty()) {
    reader.report(map.place, path, "expected one region and one tier at least");
  }
  const bool whole = start.value_or(0) % std::chrono::seconds{std::chrono::minutes{5}}.count() == 0;
  if (!whole) {
    reader.report(place_of_key(map, "start"), join_path(path, "start"),
                  "expected a time on the five-minute grid that rates are tabulated on");
  }
}

}  // namespace

SectionDecl load_shape_section() {
  return Section<LoadShapeSpec>{}
      .field("hours", &LoadShapeSpec::hours, factors_kind(24), "",
             "load in each hour of the day, local time; normalized")
      .field("days", &LoadShapeSpec::days, factors_kind(7), "",
             "load on each day of the week, Monday first; normalized")
      .field("source", &LoadShapeSpec::source, text_kind(), "", "where the figures come from")
      .build();
}

SectionDecl users_section() {
  return Section<UsersConfig>{}
      .field("start", &UsersConfig::start, text_kind(), "",
             "the date of t = 0 in UTC: 2022-11-30 or 2022-11-30T10:00Z")
      .section("growth", &UsersConfig::growth, growth_section(), "registered users over time")
      .required()
      .named("tiers", &UsersConfig::tiers, user_tier_section(), NameList::none,
             "what the users of each tier do, by names in tiers")
      .required()
      .named("regions", &UsersConfig::regions, region_section(), NameList::none,
             "where they live, which says by which clock")
      .required()
      .named("events", &UsersConfig::events, event_section(), NameList::none,
             "holidays and viral spikes: dated factors, inputs of the scenario; several multiply")
      .finish(check_users)
      .build();
}

void finish_users(Reader& reader, const RawNode& map, const std::string& path, UsersConfig& users) {
  const Place& place = place_of_key(map, "users");
  const std::vector<std::string>& names = reader.names(NameList::tiers);
  const auto& classes = reader.config().workload.classes;
  for (UserTierConfig& tier : users.tiers) {
    const std::string tier_path = join_path(path, "users.tiers." + tier.name);
    const auto found = std::find(names.begin(), names.end(), tier.name);
    if (found == names.end()) {
      reader.report(place, tier_path, "unknown name", name_hint(tier.name, names, "tiers"));
      continue;
    }
    tier.tier = static_cast<TierIndex>(found - names.begin());
    const bool asked = std::any_of(classes.begin(), classes.end(), [&](const auto& one) {
      return one.tier == tier.tier && one.share > 0;
    });
    if (!asked) {
      reader.report(place, tier_path, "no class of requests has this tier",
                    "add one under workload.classes");
    }
  }
  for (const RequestClassConfig& one : classes) {
    const bool known = std::any_of(users.tiers.begin(), users.tiers.end(),
                                   [&](const auto& tier) { return tier.tier == one.tier; });
    if (!known) {
      reader.report(place, join_path(path, "classes." + one.name),
                    "nobody sends such requests: users.tiers does not have its tier");
    }
  }
}

}  // namespace plimsoll
