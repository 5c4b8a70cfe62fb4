#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Who computes a product, decided from what products took.  No library in here, no clock and no file.

namespace dspy::llama::kernels {

/// Numbers of columns for which products are timed; for others, the next lower one counts.
inline constexpr std::array<int, 6> timed_columns{1, 2, 4, 8, 32, 128};
inline constexpr std::size_t column_classes = timed_columns.size();

std::size_t column_class(int columns);

using Seconds = std::array<double, column_classes>;

/// How long products with weights of one type took; infinity where there is no such way.
struct Timing {
  std::string name{};  ///< Of type and length, such as `q4_k 896`.
  Seconds own{};       ///< Our kernels.
  Seconds plain{};     ///< The library, from weights as they lie in a file.
  Seconds repacked{};  ///< The library, from weights that it rearranged when it loaded them.

  bool operator==(const Timing&) const = default;
};

/// How weights lie in memory.
enum class Layout {
  plain,     ///< As in the file.
  repacked,  ///< As the library rearranges them, where it does.
  both,      ///< So, and the file's for our kernels.
};

/// For which numbers of columns our kernels compute.
struct OwnWhere {
  std::array<bool, column_classes> own{};
};

struct Choice {
  Layout layout = Layout::plain;
  std::vector<OwnWhere> types{};  ///< One for each timing.
};

/// `weights`: how many of a file have the type of each timing.  Never slower than the library by more than a fiftieth,
/// whatever the number of columns; among those, plain weights before repacked ones, as they need no second copy.
Choice choose(std::span<const Timing> timings, std::span<const double> weights, bool has_room_for_both);

/// Timings as a file keeps them, a line each, for one machine.  Lines that cannot be read are not timings.
std::vector<Timing> read_timings(std::string_view text, std::string_view machine);
std::string write_timing(const Timing& timing, std::string_view machine);

}  // namespace dspy::llama::kernels
