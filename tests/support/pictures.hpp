#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

namespace dspy::test {

inline void put_little(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

/// A BMP file; another `seed` is another picture.
inline std::string picture(std::uint32_t width, std::uint32_t height, unsigned seed) {
  const auto row = (width * 3 + 3) / 4 * 4;
  std::string out = "BM";
  put_little(out, 54 + row * height, 4);
  put_little(out, 0, 4);
  put_little(out, 54, 4);
  put_little(out, 40, 4);
  put_little(out, width, 4);
  put_little(out, height, 4);
  put_little(out, 1, 2);
  put_little(out, 24, 2);
  put_little(out, 0, 24);
  for (std::uint32_t y = 0; y < height; ++y) {
    const auto start = out.size();
    for (std::uint32_t x = 0; x < width; ++x) {
      for (unsigned channel = 0; channel < 3; ++channel)
        out += static_cast<char>((x * (seed + 3) + y * (2 * seed + 5) + channel * 40 * seed) % 256);
    }
    out.resize(start + row, '\0');
  }
  return out;
}

/// A WAV file of one tone: 16 kHz, one channel, 16 bits.
inline std::string sound(double seconds, double hertz) {
  const auto count = static_cast<std::uint32_t>(seconds * 16000);
  std::string out = "RIFF";
  put_little(out, 36 + 2 * count, 4);
  out += "WAVEfmt ";
  put_little(out, 16, 4);
  put_little(out, 1, 2);
  put_little(out, 1, 2);
  put_little(out, 16000, 4);
  put_little(out, 32000, 4);
  put_little(out, 2, 2);
  put_little(out, 16, 2);
  out += "data";
  put_little(out, 2 * count, 4);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto value = std::sin(static_cast<double>(i) / 16000 * hertz * 6.283185307179586) * 12000;
    put_little(out, static_cast<std::uint16_t>(static_cast<std::int16_t>(value)), 2);
  }
  return out;
}

}  // namespace dspy::test
