package Carmen::OAuth;

# A provider for tests: nginx with carmen_auth_provider, clients and codes.
#
#   my $o = Carmen::OAuth->new(...);      what Carmen::Test->new takes
#   $o->test, $o->issuer, $o->http
#   $o->user('ada@example.com', roles => 'customer')     its id
#   $o->client('shop', auth_method => 'none', ...)       columns of auth.client
#       texts, arrays and hashes (JSON); secret => '...' is hashed
#   $o->code(client_id =>, redirect_uri =>, user =>, scope =>, verifier => or
#       challenge =>, nonce =>, jkt =>, tenant =>)        a code
#   $o->post('/oauth/token', { form }, headers => {...})
#   $o->challenge($verifier)

use strict;
use warnings;

use Digest::SHA qw(sha256 sha256_hex);
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64url);

use Carmen::Json qw(to_json);
use Carmen::Test ();
use Carmen::Token;


sub new
{
    my ($class, %with) = @_;
    my $socket = IO::Socket::INET->new(LocalHost => '127.0.0.1',
        LocalPort => 0, Listen => 1, Proto => 'tcp')
        or die "no free port: $@\n";
    my $port = $socket->sockport;
    close $socket;

    my $self = bless { issuer => "http://127.0.0.1:$port" }, $class;
    my $test = $self->{test} = Carmen::Test->new(
        domains => ['auth'], log_level => 'info', port => $port,
        auth => '', %with, no_start => 1);
    my $keys = $test->keys;

    $test->nginx->{auth} = <<"END" . ($with{more} // '');
        carmen_auth jwt;
        carmen_auth_issuer $self->{issuer};
        carmen_auth_audience $Carmen::Token::AUDIENCE;
        carmen_auth_key @{[ $keys->jwks ]};
        carmen_auth_signing_key @{[ $keys->private('es256') ]};
        carmen_auth_refresh_grace 2;
        carmen_auth_bcrypt_cost 6;
END
    $test->nginx->{locations} = 'location / { carmen_auth_provider; }';
    $test->nginx->start;
    $self->{http} = $test->client;
    return $self;
}


sub test { $_[0]{test} }
sub issuer { $_[0]{issuer} }
sub http { $_[0]{http} }


sub challenge { encode_base64url(sha256($_[1])) }


sub user
{
    my ($self, $login, %with) = @_;
    my $tenant = $with{tenant} // 'demo';
    my $roles = $with{roles} // 'customer';
    my $hash = crypt 'correct horse battery staple',
        '$2b$06$abcdefghijklmnopqrstuu';

    return $self->test->sql(<<"END");
        WITH id AS MATERIALIZED (SELECT core.uuid7() AS id),
        made AS MATERIALIZED (SELECT auth.credential_create('$tenant', id,
            '$login', '$hash', '{$roles}') FROM id)
        SELECT id FROM id, made
END
}


sub quote
{
    my ($value) = @_;
    return 'NULL' if !defined $value;
    $value = '{' . join(',', map { qq("$_") } @$value) . '}'
        if ref $value eq 'ARRAY';
    $value = to_json($value) if ref $value;
    $value =~ s/'/''/g;
    return "'$value'";
}


sub client
{
    my ($self, $id, %column) = @_;
    my $secret = delete $column{secret};

    $column{secret_hash} = sha256_hex($secret) if defined $secret;
    $column{name} //= "Client $id";
    %column = (tenant => 'demo', client_id => $id, %column);
    my @names = sort keys %column;

    $self->test->sql('INSERT INTO auth.client (' . join(', ', @names)
        . ') VALUES (' . join(', ', map { quote($column{$_}) } @names) . ')');
    return $id;
}


sub code
{
    my ($self, %with) = @_;
    my $code = encode_base64url(Carmen::Token::random(32));

    $self->test->sql('SELECT auth.oauth_code_issue('
        . join(', ', map { quote($_) } $with{tenant} // 'demo',
               sha256_hex($code), $with{client_id}, $with{redirect_uri},
               $with{challenge} // $self->challenge($with{verifier}),
               $with{nonce}, $with{jkt}, $with{scope} // 'openid',
               $with{user})
        . ", NULL, now(), 'aal1', '[\"pwd\"]', interval '1 minute')");
    return $code;
}


sub form
{
    my ($form) = @_;
    return join '&', map {
        "$_=" . ($form->{$_} =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger)
    } grep { defined $form->{$_} } sort keys %$form;
}


sub post
{
    my ($self, $path, $form, %with) = @_;
    return $self->http->post($path, %with, body => form($form),
        headers => { 'Content-Type' => 'application/x-www-form-urlencoded',
                     %{ $with{headers} // {} } });
}


1;
