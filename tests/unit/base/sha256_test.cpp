#include "dspy/base/sha256.hpp"

#include "base/sha256_blocks.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>

using namespace dspy;

TEST_CASE("SHA-256 gives the digests of the standard's examples") {
  struct Case {
    std::string bytes;
    std::string_view digest;
  };
  const Case cases[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1'000'000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.bytes.size());
    CHECK(sha256(each.bytes) == each.digest);
  }
}

TEST_CASE("SHA-256 pads messages of every length around a block's end") {
  // The digest of the digests of 0 to 129 bytes of `x`, as Python's hashlib computes it.
  std::string digests;
  for (std::size_t length = 0; length < 130; ++length) digests += sha256(std::string(length, 'x')) + "\n";
  CHECK(sha256(digests) == "54e636193da61eccb0a481761cc00c6271ddc587c6348626d767d7a6af984080");
}

TEST_CASE("The processor's own instructions for SHA-256 do what the portable function does") {
  const auto natively = sha256_blocks::absorb_natively();
  if (natively == nullptr) {
    MESSAGE("not run: this processor has no instructions for SHA-256");
    return;
  }
  std::string bytes;
  for (std::size_t i = 0; i < 64 * 9; ++i) bytes += static_cast<char>(i * i * 37 + i / 64);
  for (std::size_t blocks = 0; blocks <= 9; ++blocks) {
    CAPTURE(blocks);
    sha256_blocks::State a = {1, 2, 3, 0xffffffff, 5, 0x80000000, 7, 8};
    auto b = a;
    natively(a, std::string_view(bytes).substr(0, 64 * blocks));
    sha256_blocks::absorb_portably(b, std::string_view(bytes).substr(0, 64 * blocks));
    CHECK(a == b);
  }
}
