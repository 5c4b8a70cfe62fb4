class DspyCpp < Formula
  desc "Program language models in C++"
  homepage "RELEASE_HOMEPAGE"
  url "RELEASE_URL"
  sha256 "RELEASE_SHA256"
  license "Apache-2.0"

  depends_on "cli11" => :build
  depends_on "cmake" => :build
  depends_on "ninja" => :build
  depends_on "boost"
  depends_on "curl"
  depends_on "llama.cpp"
  depends_on "openssl@3"
  depends_on "sqlite"
  depends_on "tomlplusplus"

  def install
    args = %w[-DDSPY_FETCH=OFF -DDSPY_BUILD_TESTS=OFF -DDSPY_BUILD_EXAMPLES=OFF -DDSPY_BUILD_BENCHMARKS=OFF]
    system "cmake", "-S", ".", "-B", "build", "-G", "Ninja", *args, *std_cmake_args
    system "cmake", "--build", "build"
    system "cmake", "--install", "build"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/dspy --version")
    output = shell_output("#{bin}/dspy render --signature 'question -> answer' --input question=hello")
    assert_match "hello", output
  end
end
