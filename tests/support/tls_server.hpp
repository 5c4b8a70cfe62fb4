#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace dspy::test {

/// A key and a certificate for 127.0.0.1 that signs itself, made for the test.
class Certificate {
 public:
  Certificate() {
    key_.reset(EVP_EC_gen("P-256"));
    X509_set_version(certificate_.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate_.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate_.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate_.get()), 3600);
    X509_set_pubkey(certificate_.get(), key_.get());
    auto* const name = X509_get_subject_name(certificate_.get());
    constexpr std::string_view common = "dspy test";
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(common.data()), -1, -1,
                               0);
    X509_set_issuer_name(certificate_.get(), name);
    add(NID_subject_alt_name, "IP:127.0.0.1");
    add(NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(certificate_.get(), key_.get(), EVP_sha256());
  }

  std::string pem() const {
    return text([&](BIO* out) { PEM_write_bio_X509(out, certificate_.get()); });
  }
  std::string key_pem() const {
    return text([&](BIO* out) { PEM_write_bio_PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  }

 private:
  void add(int kind, const char* value) {
    auto* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
    X509_add_ext(certificate_.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }

  template <class F>
  static std::string text(F write) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
    write(out.get());
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(out.get(), &bytes);
    return {bytes, static_cast<std::size_t>(size)};
  }

  std::unique_ptr<X509, decltype(&X509_free)> certificate_{X509_new(), X509_free};
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_{nullptr, EVP_PKEY_free};
};

/// Says `fine` to every request over TLS, one connection after the other, until it is destroyed.
class TlsServer {
 public:
  explicit TlsServer(const Certificate& certificate) {
    const auto pem = certificate.pem();
    const auto key = certificate.key_pem();
    context_.use_certificate_chain(boost::asio::buffer(pem));
    context_.use_private_key(boost::asio::buffer(key), boost::asio::ssl::context::pem);
    thread_ = std::jthread([this] { serve(); });
  }
  ~TlsServer() {
    ends_ = true;
    boost::system::error_code ignored;
    tcp::socket wake(loop_);
    wake.connect(acceptor_.local_endpoint(), ignored);
    thread_.join();
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  int requests() const noexcept { return requests_; }

 private:
  using tcp = boost::asio::ip::tcp;

  void serve() {
    while (true) {
      boost::system::error_code problem;
      boost::asio::ssl::stream<tcp::socket> stream(acceptor_.accept(), context_);
      if (ends_) return;
      stream.handshake(boost::asio::ssl::stream_base::server, problem);
      std::string text;
      if (!problem) boost::asio::read_until(stream, boost::asio::dynamic_buffer(text), "\r\n\r\n", problem);
      if (problem) continue;
      ++requests_;
      boost::asio::write(stream, boost::asio::buffer(reply_), problem);
      stream.shutdown(problem);
    }
  }

  const std::string reply_ = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfine";
  boost::asio::io_context loop_;
  boost::asio::ssl::context context_{boost::asio::ssl::context::tls_server};
  tcp::acceptor acceptor_{loop_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
  std::atomic<bool> ends_ = false;
  std::atomic<int> requests_ = 0;
  std::jthread thread_;
};

}  // namespace dspy::test
