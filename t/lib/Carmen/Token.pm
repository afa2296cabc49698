package Carmen::Token;

# Keys made at run time and tokens signed with them (RFC 9068), by openssl.
#
#   my $keys = Carmen::Token->new($dir);
#   $keys->token(sub => 'u1', scope => 'orders:read', tenant => 'demo');
#   $keys->token(alg => 'HS256', ...);   ES256 (default), RS256, EdDSA, HS256
#   $keys->token(header => { typ => 'JWT' }, claims => { aud => undef });
#   $keys->sign($header, $claims, $key_name)     any header, any claims
#   $keys->jwks                                  path of the public key set
#   $keys->private('es256')                      path of a PEM
#
# A claim or header member given as undef is left out.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);
use File::Temp ();
use MIME::Base64 qw(encode_base64url decode_base64url);

use Carmen::Json qw(to_json);

our $ISSUER = 'https://carmen.test';
our $AUDIENCE = 'carmen';

my %GENERATE = (
    es256 => [qw(-algorithm EC -pkeyopt ec_paramgen_curve:P-256)],
    rs256 => [qw(-algorithm RSA -pkeyopt rsa_keygen_bits:2048)],
    eddsa => [qw(-algorithm ED25519)],
);

my $jti = 0;


sub new
{
    my ($class, $dir) = @_;
    my $self = bless { dir => $dir }, $class;
    my @jwks;

    $self->{secret} = random(32);
    push @jwks, { kty => 'oct', kid => 'test-hs256', alg => 'HS256',
                  use => 'sig', k => encode_base64url($self->{secret}) };

    for my $name (sort keys %GENERATE) {
        command('genpkey', @{ $GENERATE{$name} }, '-out',
                $self->private($name));
        my $public = command('pkey', '-in', $self->private($name),
                             '-pubout', '-outform', 'DER');
        write_file("$dir/$name.pub.pem",
                   command('pkey', '-in', $self->private($name), '-pubout'));
        push @jwks, { kid => "test-$name", use => 'sig', jwk($name, $public) };
    }

    write_file($self->jwks, to_json({ keys => \@jwks }));
    return $self;
}


sub private { "$_[0]{dir}/$_[1].pem" }
sub public { "$_[0]{dir}/$_[1].pub.pem" }
sub jwks { "$_[0]{dir}/jwks.json" }
sub secret { $_[0]{secret} }


sub jwk
{
    my ($name, $der) = @_;

    if ($name eq 'es256') {
        return (alg => 'ES256', kty => 'EC', crv => 'P-256',
                x => encode_base64url(substr $der, -64, 32),
                y => encode_base64url(substr $der, -32));
    } elsif ($name eq 'eddsa') {
        return (alg => 'EdDSA', kty => 'OKP', crv => 'Ed25519',
                x => encode_base64url(substr $der, -32));
    }

    # 2048 bits and the exponent 65537: the modulus stands before the last
    # five bytes 02 03 01 00 01.
    return (alg => 'RS256', kty => 'RSA', e => 'AQAB',
            n => encode_base64url(substr $der, -5 - 256, 256));
}


sub token
{
    my ($self, %with) = @_;
    my $alg = delete $with{alg} // 'ES256';
    my $header = delete $with{header} // {};
    my $claims = delete $with{claims} // {};
    my $now = time;
    my $name = lc $alg;

    my %header = (alg => $alg, typ => 'at+jwt', kid => "test-$name",
                  %$header);
    my %claims = (
        iss => $ISSUER, aud => $AUDIENCE, sub => 'tester', tenant => 'demo',
        client_id => 'tests', iat => $now, exp => $now + 3600,
        jti => sprintf('%d-%d-%s', $$, ++$jti, unpack 'H*', random(6)),
        %with, %$claims,
    );

    for my $members (\%header, \%claims) {
        delete @$members{ grep { !defined $members->{$_} } keys %$members };
    }
    return $self->sign(\%header, \%claims, $name);
}


sub sign
{
    my ($self, $header, $claims, $name) = @_;
    my $text = join '.', map {
        encode_base64url(ref $_ ? to_json($_) : $_)
    } $header, $claims;

    return "$text." . encode_base64url($self->signature($text, $name));
}


sub signature
{
    my ($self, $text, $name) = @_;

    return '' if $name eq 'none';
    return hmac_sha256($text, $self->{secret}) if $name eq 'hs256';

    my $in = File::Temp->new;
    print $in $text;
    close $in;

    if ($name eq 'eddsa') {
        return command('pkeyutl', '-sign', '-rawin', '-in', $in->filename,
                       '-inkey', $self->private($name));
    }

    my $der = command('dgst', '-sha256', '-sign', $self->private($name),
                      $in->filename);
    return $der if $name ne 'es256';

    # RFC 7518 section 3.4: R and S of 32 bytes each instead of DER.
    my ($r, $s) = unpack 'x2 x C/a x C/a', $der;
    return join '', map {
        substr "\0" x 32 . $_, -32
    } $r, $s;
}


sub random
{
    my ($size) = @_;
    open my $file, '<:raw', '/dev/urandom' or die "/dev/urandom: $!";
    my $bytes = '';
    read $file, $bytes, $size;
    return $bytes;
}


sub command
{
    my @args = @_;
    local ($?, $!);
    open my $out, '-|', 'sh', '-c', 'exec openssl "$@" 2>/dev/null', 'sh',
        @args or die "openssl: $!";
    binmode $out;
    my $bytes = do { local $/; <$out> };
    close $out or die "openssl @args: failed\n";
    return $bytes // '';
}


sub write_file
{
    my ($path, $bytes) = @_;
    open my $file, '>:raw', $path or die "$path: $!\n";
    chmod 0600, $path;
    print $file $bytes;
    close $file or die "$path: $!\n";
}


1;
