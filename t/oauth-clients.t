# Every flow of the provider as npm oauth4webapi and openid-client drive it.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";

use Carmen::Test;
use Carmen::OAuth;
use Digest::SHA qw(sha256);
use File::Copy qw(copy);
use File::Path qw(make_path);
use IPC::Open2;
use MIME::Base64 qw(encode_base64url decode_base64url decode_base64);

my ($npm) = grep { -x } map { "$_/npm" } split /:/, $ENV{PATH};
plan(skip_all => 'npm is not installed') if !$npm;

my $build = "$Carmen::Cluster::ROOT/.build/npm-oauth";
my $source = "$Carmen::Cluster::ROOT/t/oauth";
my $lock = Carmen::Nginx::slurp("$source/package-lock.json");
make_path($build);

if (Carmen::Nginx::slurp("$build/installed") ne $lock) {
    copy("$source/$_", "$build/$_") or die "$source/$_: $!"
        for qw(package.json package-lock.json);
    my $said = `cd '$build' && '$npm' ci --no-audit --no-fund --ignore-scripts 2>&1`;
    plan(skip_all => "npm ci: $said") if $? != 0;
    Carmen::Token::write_file("$build/installed", $lock);
}
copy("$source/clients.mjs", "$build/clients.mjs") or die "clients.mjs: $!";


# Two certificates, of the client and of a stranger, and one of the server.

my $dir = File::Temp::tempdir(CLEANUP => 1);

sub certificate
{
    my ($name) = @_;
    Carmen::Token::command('req', '-x509', '-newkey', 'ec', '-pkeyopt',
        'ec_paramgen_curve:P-256', '-nodes', '-days', 2, '-subj',
        "/CN=$name", '-keyout', "$dir/$name.key", '-out', "$dir/$name.crt");
    return Carmen::Token::command('x509', '-in', "$dir/$name.crt",
                                  '-outform', 'DER');
}

my %der = map { $_ => certificate($_) } qw(server client stranger);

my $tls = IO::Socket::INET->new(LocalHost => '127.0.0.1', LocalPort => 0,
    Listen => 1, Proto => 'tcp') or die "no free port: $@";
my $tls_port = $tls->sockport;
close $tls;

my $o = Carmen::OAuth->new(more => <<"END");
        listen 127.0.0.1:$tls_port ssl;
        ssl_certificate $dir/server.crt;
        ssl_certificate_key $dir/server.key;
        ssl_verify_client optional_no_ca;
END
my $t = $o->test;

my $ada = $o->user('ada@example.com', roles => 'customer');
my $secret = 'a secret & 100% strange + one';
my @code = (redirect_uris => ['https://shop.example/callback'],
    grants => ['authorization_code', 'refresh_token'],
    scopes => ['openid', 'email', 'orders:read']);
my $device = 'urn:ietf:params:oauth:grant-type:device_code';

$o->client('spa', auth_method => 'none', @code);
$o->client('basic', secret => $secret, @code, grants => ['refresh_token',
    'authorization_code', 'client_credentials']);
$o->client('post', auth_method => 'client_secret_post', secret => $secret,
    grants => ['client_credentials'], scopes => ['orders:read']);
$o->client('tv', auth_method => 'none', grants => [$device],
    scopes => ['openid', 'catalog:read']);

# A key of a client: the test's own, as a JWK.

my $private = Carmen::Token::command('pkey', '-in', "$dir/client.key",
                                     '-text', '-noout');
my ($d) = $private =~ /priv:\s*([0-9a-f:\s]+)pub:/;
my ($q) = $private =~ /pub:\s*([0-9a-f:\s]+)ASN1/;
s/[^0-9a-f]//g for $d, $q;
my %jwk = (kty => 'EC', crv => 'P-256', kid => 'client-1',
    x => encode_base64url(pack 'H*', substr $q, 2, 64),
    y => encode_base64url(pack 'H*', substr $q, 66, 64));

$o->client('keyed', auth_method => 'private_key_jwt',
    jwks => { keys => [{ %jwk }] }, @code, par_required => 't',
    dpop_bound => 't');
$o->client('certified', auth_method => 'self_signed_tls_client_auth',
    jwks => { keys => [{ %jwk }] }, grants => ['client_credentials'],
    scopes => ['orders:read'], tls_bound => 't');

my %setup = (
    issuer => $o->issuer, user => $ada, tls_port => $tls_port,
    key => { %jwk, d => encode_base64url(pack 'H*', substr $d, -64) },
    registrar => $t->token(sub => $ada, scope => 'clients:write',
                           iss => $o->issuer),
    certificate => "$dir/client.crt", pem => "$dir/client.key",
    stranger => "$dir/stranger.crt", stranger_pem => "$dir/stranger.key",
    x5t => encode_base64url(sha256($der{client})),
);


# What a browser would bring back: the pages are tested elsewhere.

sub authorize
{
    my ($wanted) = @_;
    my $code = $o->code(client_id => $wanted->{client_id}, user => $ada,
        redirect_uri => $wanted->{redirect_uri}, nonce => $wanted->{nonce},
        challenge => $wanted->{code_challenge}, scope => $wanted->{scope});
    my $iss = $o->issuer =~ s/([:\/])/sprintf '%%%02X', ord $1/ger;
    return { callback => "$wanted->{redirect_uri}?code=$code"
             . "&state=$wanted->{state}&iss=$iss" };
}

sub decide
{
    my ($code) = @_;
    my $decided = $t->sql("SELECT auth.oauth_device_decide('demo', '$code',
        '$ada', NULL, 'openid catalog:read', 'aal1', '[\"pwd\"]', now())");
    return { decided => from_json($decided eq 't' || $decided eq '1'
                                  ? 'true' : 'false') };
}


my $pid = open2(my $out, my $in, 'node', "$build/clients.mjs",
                to_json(\%setup));
my $done;

while (my $line = <$out>) {
    my $said = eval { from_json($line) };

    if (!$said) {
        diag($line);
    } elsif ($said->{authorize}) {
        print $in to_json(authorize($said->{wanted})), "\n";
        $in->flush;
    } elsif ($said->{device}) {
        print $in to_json(decide($said->{device})), "\n";
        $in->flush;
    } elsif ($said->{done}) {
        $done = 1;
    } else {
        ok($said->{ok}, $said->{name}) or diag($said->{diag} // '');
    }
}
waitpid $pid, 0;
ok($done, 'all of it was run');

done_testing;
