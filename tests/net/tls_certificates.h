#pragma once
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <filesystem>
#include <string>

/// Certificates made for one run of the tests, in a folder of their own.
namespace finack::net::testing {

class Certificates {
 public:
  struct Pair {
    X509* certificate = nullptr;
    EVP_PKEY* key = nullptr;
  };

  Certificates() {
    char pattern[] = "/tmp/finack-tls-XXXXXX";
    folder_ = ::mkdtemp(pattern);
    Pair ca = make("Test CA", {}, nullptr, true);
    Pair other = make("Other CA", {}, nullptr, true);
    save(ca, "ca");
    save(other, "other");
    issue("server", "DNS:localhost,DNS:*.example.test,IP:127.0.0.1,IP:::1", ca);
    issue("client", "DNS:client.test", ca);
    issue("stranger", "DNS:localhost", other);
    issue("expired", "DNS:localhost", ca, -10);
    free(ca);
    free(other);
  }
  ~Certificates() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  /// "server" → its PEM file, which holds certificate and key.
  std::string file(const std::string& name) const { return folder_ + "/" + name + ".pem"; }

  static Certificates& get() {
    static Certificates made;
    return made;
  }

 private:
  static void free(Pair& pair) {
    X509_free(pair.certificate);
    EVP_PKEY_free(pair.key);
  }
  static void extend(X509* certificate, int id, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value.c_str());
    ASSERT_NE(extension, nullptr) << value;
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  void issue(const std::string& name, const std::string& names, Pair& by, long days = 10) {
    Pair pair = make(name, names, &by, false, days);
    save(pair, name);
    free(pair);
  }
  Pair make(const std::string& name, const std::string& names, Pair* by, bool ca, long days = 10) {
    Pair pair{X509_new(), EVP_EC_gen("P-256")};
    X509* x = pair.certificate;
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial_);
    constexpr long kDay = 24L * 3600;
    X509_gmtime_adj(X509_getm_notBefore(x), -20 * kDay);
    X509_gmtime_adj(X509_getm_notAfter(x), days * kDay);
    X509_set_pubkey(x, pair.key);
    const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, text, -1, -1, 0);
    X509* issuer = by == nullptr ? x : by->certificate;
    X509_set_issuer_name(x, X509_get_subject_name(issuer));
    if (ca) extend(x, NID_basic_constraints, "critical,CA:TRUE");
    if (!names.empty()) extend(x, NID_subject_alt_name, names);
    X509_sign(x, by == nullptr ? pair.key : by->key, EVP_sha256());
    return pair;
  }
  void save(const Pair& pair, const std::string& name) {
    std::FILE* out = std::fopen(file(name).c_str(), "w");
    ASSERT_NE(out, nullptr);
    PEM_write_X509(out, pair.certificate);
    PEM_write_PrivateKey(out, pair.key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(out);
  }

  std::string folder_;
  long serial_ = 0;
};

}  // namespace finack::net::testing
