#include "retrieve/embedded/segment.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "retrieve/embedded/codes.hpp"
#include "retrieve/embedded/postings.hpp"
#include "retrieve/embedded/segment_writer.hpp"
#include "retrieve/kernels/kernels.hpp"
#include "support/store_conformance.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

using namespace dspy;
using namespace dspy::embedded;

TEST_CASE("Every kernel that runs here computes what its definition says") {
  Random random(1);
  for (const auto& kernel : vectors::all_kernels()) {
    if (!kernel.runs_here) continue;
    CAPTURE(kernel.name);
    for (const std::size_t size : {1UL, 7UL, 16UL, 31UL, 64UL, 100UL, 384UL, 1'030UL}) {
      CAPTURE(size);
      const auto query = test::random_vector(random, size);
      const auto rows = test::random_vector(random, 3 * size);
      std::vector<std::uint16_t> halves;
      for (const float x : rows) halves.push_back(vectors::to_half(x));
      float dot[3], distance[3], dot_half[3], distance_half[3];
      kernel.dot(rows.data(), 3, size, query.data(), dot);
      kernel.distance(rows.data(), 3, size, query.data(), distance);
      kernel.dot_half(halves.data(), 3, size, query.data(), dot_half);
      kernel.distance_half(halves.data(), 3, size, query.data(), distance_half);
      for (std::size_t row = 0; row < 3; ++row) {
        double sums[4] = {};
        for (std::size_t i = 0; i < size; ++i) {
          const double q = query[i], x = rows[row * size + i], half = vectors::from_half(halves[row * size + i]);
          sums[0] += q * x;
          sums[1] += (q - x) * (q - x);
          sums[2] += q * half;
          sums[3] += (q - half) * (q - half);
        }
        CHECK(std::abs(dot[row] - sums[0]) < 1e-4);
        CHECK(std::abs(distance[row] - sums[1]) < 1e-3);
        CHECK(std::abs(dot_half[row] - sums[2]) < 1e-4);
        CHECK(std::abs(distance_half[row] - sums[3]) < 1e-3);
      }
    }
    for (const std::size_t stride : {64UL, 128UL, 192UL, 65'536UL}) {
      std::vector<std::uint8_t> codes(2 * stride);
      std::vector<std::int8_t> high(stride), low(stride);
      for (auto& code : codes) code = static_cast<std::uint8_t>(random.below(256));
      for (auto& value : high) value = static_cast<std::int8_t>(static_cast<int>(random.below(255)) - 127);
      for (auto& value : low) value = static_cast<std::int8_t>(static_cast<int>(random.below(65)) - 32);
      std::int64_t sums[2] = {}, found[2];
      std::int32_t highs = 0;
      for (std::size_t i = 0; i < 2 * stride; ++i)
        sums[i / stride] += std::int64_t{codes[i]} * (64 * high[i % stride] + low[i % stride]);
      for (std::size_t i = 0; i < stride; ++i) highs += codes[i] * high[i];
      kernel.dot_codes(codes.data(), 2, stride, {high.data(), low.data()}, found);
      CHECK(found[0] == sums[0]);
      CHECK(found[1] == sums[1]);
      CHECK(kernel.dot_code(codes.data(), high.data(), stride) == highs);
    }
  }
}

TEST_CASE("Numbers of 16 bits are the nearest, and come back") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = vectors::from_half(half);
    if (!std::isnan(value)) CHECK(vectors::to_half(value) == half);
  }
  CHECK(vectors::to_half(1) == 0x3C00);
  CHECK(vectors::to_half(65504) == 0x7BFF);
  CHECK(vectors::to_half(1e6F) == 0x7C00);
  CHECK(vectors::to_half(1 + 0x1p-11F) == 0x3C00);  // a tie goes to the even one
  CHECK(vectors::to_half(1 + 3 * 0x1p-11F) == 0x3C02);
  CHECK(vectors::to_half(0x1p-24F) == 1);
  CHECK(std::isnan(vectors::from_half(vectors::to_half(std::numeric_limits<float>::quiet_NaN()))));
}

TEST_CASE("Codes bound what they miss") {
  Random random(2);
  for (int round = 0; round < 300; ++round) {
    const std::size_t size = 1 + random.below(200), stride = (size + 63) / 64 * 64;
    auto vector = test::random_vector(random, size);
    const auto query = test::random_vector(random, size);
    if (round % 10 == 0) vector.assign(size, 0);
    std::vector<std::uint8_t> codes(stride);
    const auto scale = encode(vector, codes.data(), stride);
    const CodeQuery coded(query, stride);
    float about = 0;
    coded.products(codes.data(), &scale, 1, &about);
    double exact = 0;
    for (std::size_t i = 0; i < size; ++i) exact += double{vector[i]} * double{query[i]};
    CHECK(std::abs(about - exact) <= coded.error(scale));
    CHECK(coded.error(scale) < 0.05 * static_cast<double>(size));
  }
}

namespace {

SegmentContent content(std::size_t count, std::size_t size, bool has_graph = false) {
  SegmentContent out{.dimensions = size, .has_graph = has_graph};
  Random random(3);
  out.vectors = test::random_vector(random, count * size);
  for (std::size_t i = 0; i < count; ++i) out.rows.push_back(10 + 2 * i);
  return out;
}

}  // namespace

TEST_CASE("A segment holds what was written") {
  const auto wanted = content(100, 33, true);
  const auto bytes = segment_bytes(wanted);
  const Segment segment(bytes, "test");
  CHECK_FALSE(segment.damage());
  REQUIRE(segment.size() == 100);
  CHECK(segment.has_codes());
  CHECK(segment.has_graph());
  CHECK(segment.place_of(10 + 2 * 42) == 42);
  CHECK_FALSE(segment.place_of(11));
  CHECK_FALSE(segment.place_of(1'000));
  const auto vector = segment.vector(42);
  CHECK(std::vector<float>(wanted.vectors.begin() + 42L * 33, wanted.vectors.begin() + 43L * 33) == vector);
}

TEST_CASE("Every changed byte of a segment is found, and every cut") {
  auto bytes = segment_bytes(content(20, 8, true));
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    CAPTURE(at);
    bytes[at] ^= std::byte{4};
    const auto found = attempt([&] { return Segment(bytes, "test").damage().has_value(); });
    CHECK((!found || *found));
    bytes[at] ^= std::byte{4};
  }
  for (std::size_t size = 0; size < bytes.size(); size += 7)
    CHECK_THROWS_AS(Segment(std::span(bytes).first(size), "test"), Error);
}

TEST_CASE("Postings come back, and changed ones are found") {
  const std::vector<Posting> postings = {{3, 1, 9}, {4, 7, 300}, {1'000'000, 2, 20'000}};
  auto bytes = pack_postings(postings);
  std::vector<Posting> found;
  CHECK(unpack_postings(bytes, [&](const Posting& posting) { found.push_back(posting); }));
  CHECK(found == postings);
  for (auto& byte : bytes) {
    byte = static_cast<char>(byte ^ 8);
    CHECK_FALSE(unpack_postings(bytes, [](const Posting&) {}));
    byte = static_cast<char>(byte ^ 8);
  }
  CHECK_FALSE(unpack_postings("short", [](const Posting&) {}));
}
