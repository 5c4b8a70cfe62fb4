#include "llama/media/media_context.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <format>
#include <utility>

namespace dspy::llama {
namespace {

/// Marks a saved state behind which the places of pictures are written.
constexpr std::array<std::uint64_t, 2> mark = {0x7370646964656d61, 0x31f0c36e5a98b247};

}  // namespace

MediaContext::Shifts& MediaContext::shifts(int sequence) {
  const auto index = static_cast<std::size_t>(sequence);
  if (index >= shifts_.size()) shifts_.resize(index + 1);
  return shifts_[index];
}

int MediaContext::position(int sequence, int place) {
  if (place < 0) return place;
  auto position = place;
  for (const auto& [begin, count, positions] : shifts(sequence)) {
    if (begin >= place) break;
    position -= count - positions;
  }
  return position;
}

/// Computes the tokens gathered from entry `first` on.  Scores that a later step of the same batch would overwrite are
/// put aside.
DecodeStatus MediaContext::decode_text(std::span<const BatchEntry> batch, std::size_t first, bool is_last) {
  if (text_.empty()) return DecodeStatus::ok;
  const auto status = context_->decode(text_);
  if (status == DecodeStatus::ok) {
    for (std::size_t i = 0; i < text_.size(); ++i) {
      if (!batch[first + i].output) continue;
      auto& row = rows_[first + i];
      row.index = static_cast<int>(i);
      if (is_last) continue;
      const auto scores = context_->logits(row.index);
      row.scores.assign(scores.begin(), scores.end());
    }
  }
  text_.clear();
  return status;
}

DecodeStatus MediaContext::decode(std::span<const BatchEntry> batch) {
  const bool has_media = std::ranges::any_of(batch, [](const BatchEntry& entry) { return is_media(entry.token); });
  const bool has_shifts = std::ranges::any_of(shifts_, [](const Shifts& each) { return !each.empty(); });
  passes_ = !has_media && !has_shifts;
  if (passes_) return context_->decode(batch);

  rows_.assign(batch.size(), {});
  text_.clear();
  const auto last_medium = std::ranges::find_last_if(batch, [](const BatchEntry& e) { return is_media(e.token); });
  const auto text_from = static_cast<std::size_t>(last_medium.empty() ? 0 : last_medium.begin() - batch.begin() + 1);
  std::size_t first = 0;  // of the tokens gathered
  // What is computed by then stays in the context.
  const auto after = [&](DecodeStatus status) {
    const bool refused = status == DecodeStatus::no_room || status == DecodeStatus::invalid;
    return refused && first > 0 ? DecodeStatus::broken : status;
  };
  for (std::size_t i = 0; i < batch.size();) {
    auto entry = batch[i];
    if (!is_media(entry.token)) {
      entry.position = position(entry.sequence, entry.position);
      text_.push_back(entry);
      ++i;
      continue;
    }
    if (const auto status = decode_text(batch, first, false); status != DecodeStatus::ok) return after(status);
    const auto [medium, piece] = senses_->find(entry.token);
    if (piece == nullptr || entry.token != piece->first || batch.size() - i < static_cast<std::size_t>(piece->count))
      throw Error(Errc::inference_failed,
                  "a picture or sound is not there as a whole, though it was held; please "
                  "report this");
    const auto status = context_->decode_rows({.rows = piece->rows,
                                               .count = piece->count,
                                               .position = position(entry.sequence, entry.position),
                                               .places = piece->places,
                                               .causal = piece->causal,
                                               .sequence = entry.sequence});
    if (status != DecodeStatus::ok) return i > 0 && status != DecodeStatus::interrupted ? DecodeStatus::broken : status;
    if (piece->positions != piece->count)
      shifts(entry.sequence).push_back({entry.position, piece->count, piece->positions});
    i += static_cast<std::size_t>(piece->count);
    first = i;
  }
  return after(decode_text(batch, first, first >= text_from));
}

std::span<float> MediaContext::logits(int index) {
  if (passes_) return context_->logits(index);
  auto& row = rows_.at(static_cast<std::size_t>(index));
  return row.scores.empty() ? context_->logits(row.index) : std::span(row.scores);
}

bool MediaContext::remove(int sequence, int from, int to) {
  const bool removed = context_->remove(sequence, position(sequence, from), position(sequence, to));
  // What stands before that is known of a sequence even where it holds only a part of the prompt.
  if (removed)
    std::erase_if(shifts(sequence),
                  [&](const Shift& shift) { return shift.begin >= from && (to < 0 || shift.begin < to); });
  return removed;
}

void MediaContext::copy(int source, int target, int from, int to) {
  const auto begin = position(source, from);
  const auto end = position(source, to);
  const auto known = shifts(source);
  auto& there = shifts(target);
  for (const auto& shift : known) {
    if (shift.begin < to && !std::ranges::contains(there, shift)) there.push_back(shift);
  }
  std::ranges::sort(there, {}, &Shift::begin);
  context_->copy(source, target, begin, end);
}

std::vector<std::byte> MediaContext::save(int sequence) {
  auto state = context_->save(sequence);
  const auto& known = shifts(sequence);
  if (state.empty() || known.empty()) return state;
  const auto append = [&](std::span<const std::byte> bytes) { state.insert(state.end(), bytes.begin(), bytes.end()); };
  append(std::as_bytes(std::span(known)));
  const std::array<std::uint64_t, 1> count = {known.size()};
  append(std::as_bytes(std::span(count)));
  append(std::as_bytes(std::span(mark)));
  return state;
}

bool MediaContext::restore(int sequence, std::span<const std::byte> state) {
  Shifts known;
  constexpr auto tail = sizeof mark + sizeof(std::uint64_t);
  if (state.size() >= tail && std::memcmp(state.last(sizeof mark).data(), mark.data(), sizeof mark) == 0) {
    std::uint64_t count = 0;
    std::memcpy(&count, state.last(tail).data(), sizeof count);
    state = state.first(state.size() - tail);
    if (count > state.size() / sizeof(Shift)) return false;
    known.resize(static_cast<std::size_t>(count));
    std::memcpy(known.data(), state.last(known.size() * sizeof(Shift)).data(), known.size() * sizeof(Shift));
    state = state.first(state.size() - known.size() * sizeof(Shift));
  }
  if (!context_->restore(sequence, state)) return false;
  shifts(sequence) = std::move(known);
  return true;
}

void MediaContext::clear() {
  shifts_.clear();
  context_->clear();
}

}  // namespace dspy::llama
