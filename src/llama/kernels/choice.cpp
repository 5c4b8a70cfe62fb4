#include "llama/kernels/choice.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

namespace dspy::llama::kernels {
namespace {

constexpr double tolerance = 1.02;
constexpr double worthwhile = 0.95;  ///< Of a second copy in memory.

/// The least time where weights lie so.
double least(const Timing& timing, std::size_t column, Layout layout) {
  const bool can_repack = std::isfinite(timing.repacked[column]);
  if (layout == Layout::plain || !can_repack) return std::min(timing.own[column], timing.plain[column]);
  if (layout == Layout::repacked) return timing.repacked[column];
  return std::min(timing.own[column], timing.repacked[column]);
}

/// What the library would take, with weights lying so.
double library(const Timing& timing, std::size_t column, Layout layout) {
  const bool repacked = layout != Layout::plain && std::isfinite(timing.repacked[column]);
  return repacked ? timing.repacked[column] : timing.plain[column];
}

Layout layout_for(std::span<const Timing> timings, std::span<const double> weights, bool has_room_for_both) {
  bool plain_suffices = true, both_gain = false;
  for (std::size_t column = 0; column < column_classes; ++column) {
    double plain = 0, repacked = 0, both = 0;
    for (std::size_t i = 0; i < timings.size(); ++i) {
      plain += weights[i] * least(timings[i], column, Layout::plain);
      repacked += weights[i] * least(timings[i], column, Layout::repacked);
      both += weights[i] * least(timings[i], column, Layout::both);
    }
    plain_suffices = plain_suffices && plain <= tolerance * repacked;
    both_gain = both_gain || both < worthwhile * repacked;
  }
  if (plain_suffices) return Layout::plain;
  return has_room_for_both && both_gain ? Layout::both : Layout::repacked;
}

OwnWhere where(const Timing& timing, Layout layout) {
  OwnWhere result;
  for (std::size_t column = 0; column < column_classes; ++column) {
    const bool hidden = layout == Layout::repacked && std::isfinite(timing.repacked[column]);
    result.own[column] = !hidden && timing.own[column] <= tolerance * library(timing, column, layout);
  }
  return result;
}

std::string_view take_field(std::string_view& line) {
  const auto end = std::min(line.find('\t'), line.size());
  const auto field = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return field;
}

bool take_seconds(std::string_view& line, Seconds& seconds) {
  return std::ranges::all_of(seconds, [&](double& one) {
    const auto field = take_field(line);
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), one);
    return error == std::errc() && end == field.data() + field.size() && one > 0;
  });
}

}  // namespace

std::size_t column_class(int columns) {
  std::size_t place = 0;
  while (place + 1 < column_classes && timed_columns[place + 1] <= columns) ++place;
  return place;
}

Choice choose(std::span<const Timing> timings, std::span<const double> weights, bool has_room_for_both) {
  Choice choice{.layout = layout_for(timings, weights, has_room_for_both)};
  for (const auto& timing : timings) choice.types.push_back(where(timing, choice.layout));
  return choice;
}

std::vector<Timing> read_timings(std::string_view text, std::string_view machine) {
  std::vector<Timing> timings;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (take_field(line) != machine) continue;
    Timing timing{.name = std::string(take_field(line))};
    if (take_seconds(line, timing.own) && take_seconds(line, timing.plain) && take_seconds(line, timing.repacked) &&
        line.empty())
      timings.push_back(std::move(timing));
  }
  return timings;
}

std::string write_timing(const Timing& timing, std::string_view machine) {
  std::string line(machine);
  line += '\t' + timing.name;
  for (const auto& seconds : {timing.own, timing.plain, timing.repacked}) {
    for (const double one : seconds) {
      char digits[32];
      const auto [end, error] = std::to_chars(digits, digits + sizeof digits, one);
      line += '\t' + std::string(digits, end);
    }
  }
  return line + '\n';
}

}  // namespace dspy::llama::kernels
