# What is tried on the provider, and refused.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";

use Carmen::Test;
use Carmen::OAuth;
use Digest::SHA qw(sha256);
use MIME::Base64 qw(encode_base64url decode_base64url encode_base64);

my $o = Carmen::OAuth->new;
my $t = $o->test;
my $keys = $t->keys;
my $ada = $o->user('ada@example.com');
my $URI = 'https://shop.example/callback';
my $VERIFIER = 'v' x 43;
my ($es256) = grep { $_->{alg} eq 'ES256' }
    @{ from_json(Carmen::Nginx::slurp($keys->jwks))->{keys} };
my ($rs256) = grep { $_->{alg} eq 'RS256' }
    @{ from_json(Carmen::Nginx::slurp($keys->jwks))->{keys} };

my @code = (redirect_uris => [$URI, 'https://shop.example/other',
                              'http://127.0.0.1/native'],
    grants => ['authorization_code', 'refresh_token'],
    scopes => ['openid', 'email', 'orders:read']);

$o->client($_, auth_method => 'none', @code) for qw(spa other);
$o->client('backend', secret => 's3cret', @code);
$o->client('keyed', auth_method => 'private_key_jwt',
    jwks => { keys => [$es256] }, grants => ['client_credentials'],
    scopes => ['orders:read']);
$o->client('foreign', tenant => 'elsewhere', auth_method => 'none', @code);
$o->client('pushes', auth_method => 'none', @code, par_required => 't');


sub code
{
    my (%with) = @_;
    return $o->code(client_id => 'spa', redirect_uri => $URI, user => $ada,
                    verifier => $VERIFIER, scope => 'openid orders:read',
                    %with);
}

sub redeem
{
    my ($code, %with) = @_;
    my $headers = delete $with{headers};
    return $o->post('/oauth/token', {
        grant_type => 'authorization_code', code => $code,
        client_id => 'spa', redirect_uri => $URI, code_verifier => $VERIFIER,
        %with }, headers => $headers);
}

sub refresh
{
    my ($token, %with) = @_;
    my $headers = delete $with{headers};
    return $o->post('/oauth/token', { grant_type => 'refresh_token',
        refresh_token => $token, client_id => 'spa', %with },
        headers => { 'User-Agent' => 'test', %{ $headers // {} } });
}

sub refused
{
    my ($r, $status, $error, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $body = eval { $r->json } // {};
    is($r->status . ' ' . ($body->{error} // 'none'), "$status $error", $name)
        or diag($r->body);
}

sub claims { from_json(decode_base64url((split /\./, $_[0])[1])) }


subtest 'codes' => sub {
    my $code = code();
    my $r = redeem($code);
    is($r->status, 200, 'an honest client') or diag($r->body);
    is($r->header('cache-control'), 'no-store', 'nobody may keep it');
    my $tokens = $r->json;
    my $sid = claims($tokens->{access_token})->{sid};

    refused(redeem($code), 400, 'invalid_grant', 'a replayed code');
    is($t->sql("SELECT end_reason FROM auth.session
                WHERE session_id = '$sid'"), 'reuse',
        'ends the session that it began');
    refused(refresh($tokens->{refresh_token}), 400, 'invalid_grant',
        'and its refresh token');

    for (['another client', client_id => 'other'],
         ['another redirect_uri',
          redirect_uri => 'https://shop.example/other'],
         ['no redirect_uri', redirect_uri => undef],
         ['a wrong verifier', code_verifier => 'w' x 43],
         ['no verifier', code_verifier => undef],
         ['a short verifier', code_verifier => 'v' x 42],
         ['the challenge as verifier',
          code_verifier => $o->challenge($VERIFIER)])
    {
        my ($name, @with) = @$_;
        my $code = code();
        refused(redeem($code, @with), 400, 'invalid_grant', $name);
        refused(redeem($code), 400, 'invalid_grant',
            "$name: the code is spent");
    }

    $code = code();
    $t->sql("UPDATE auth.oauth_code SET expires_ts = now()
             WHERE used_ts IS NULL");
    refused(redeem($code), 400, 'invalid_grant', 'an old code');
    refused(redeem('nonsense'), 400, 'invalid_grant', 'no code at all');

    my $eve = $o->user('eve@example.com');
    $code = code(user => $eve);
    $t->sql("SELECT auth.credential_disable('demo', '$eve')");
    refused(redeem($code), 400, 'invalid_grant', 'of a disabled user');

    my @both = map { $_->status } $o->http->all(map {
        [POST => '/oauth/token', body => Carmen::OAuth::form({
            grant_type => 'authorization_code', code => $_,
            client_id => 'spa', redirect_uri => $URI,
            code_verifier => $VERIFIER }),
         headers => { 'Content-Type' =>
                      'application/x-www-form-urlencoded' }]
    } (code()) x 4);
    is(scalar(grep { $_ == 200 } @both), 1, 'of four at once one wins');
};


subtest 'requests' => sub {
    my %good = (client_id => 'spa', redirect_uri => $URI, scope => 'openid',
        response_type => 'code', code_challenge => $o->challenge($VERIFIER),
        code_challenge_method => 'S256');
    my $push = sub { $o->post('/oauth/par', { %good, @_ }) };

    is($push->()->status, 201, 'a good one');
    is($push->(redirect_uri => 'http://127.0.0.1:4711/native')->status, 201,
        'a native application on a port of its own');

    for my $uri ('https://evil.example/', "$URI/", "$URI?x=1", "$URI#x",
        'https://shop.example.evil.example/callback',
        'https://shop.example@evil.example/callback',
        'HTTPS://shop.example/callback', 'https://shop.example/callback/../x',
        'http://127.0.0.1:80@evil.example/native',
        'http://127.0.0.1.evil.example/native',
        'http://localhost/native', 'https://127.0.0.1/native',
        'javascript:alert(1)')
    {
        refused($push->(redirect_uri => $uri), 400, 'invalid_request',
            "redirect_uri $uri");
    }

    refused($push->(code_challenge => undef), 400, 'invalid_request',
        'PKCE left out');
    refused($push->(code_challenge_method => 'plain'), 400,
        'invalid_request', 'PKCE downgraded to plain');
    refused($push->(code_challenge_method => undef), 400,
        'invalid_request', 'and by default');
    refused($push->(response_type => 'token'), 400,
        'unsupported_response_type', 'the implicit flow');
    refused($push->(scope => 'users:write'), 400, 'invalid_scope',
        'a scope that is not the client\'s');
    refused($push->(request => 'x.y.z'), 400, 'request_not_supported',
        'a request object');
    refused($push->(request_uri => 'https://evil.example/r'), 400,
        'invalid_request', 'a request_uri of its own');
    refused($push->(prompt => 'none login'), 400, 'invalid_request',
        'a contradiction');
    refused($push->(client_id => 'nobody'), 401, 'invalid_client',
        'an unknown client');
    refused($push->(client_id => 'foreign'), 401, 'invalid_client',
        'a client of another tenant');

    my $form = Carmen::OAuth::form(\%good);
    my $r = $o->http->post('/oauth/par', body => "$form&client_id=other",
        headers => { 'Content-Type' => 'application/x-www-form-urlencoded' });
    refused($r, 400, 'invalid_request', 'a parameter twice');
    $r = $o->http->post('/oauth/par', body => "$form&x=%00",
        headers => { 'Content-Type' => 'application/x-www-form-urlencoded' });
    refused($r, 400, 'invalid_request', 'a NUL');
    refused($o->http->post('/oauth/par', json => \%good), 400,
        'invalid_request', 'JSON');
    problem_is($o->http->get('/oauth/token'), 405, 'method-not-allowed');
};


subtest 'refresh tokens' => sub {
    my $first = redeem(code(), headers => { 'User-Agent' => 'test' })->json;
    my $second = refresh($first->{refresh_token})->json;
    ok($second->{refresh_token}, 'rotated');
    is(refresh($first->{refresh_token})->status, 200,
        'a lost answer: again, within the grace');
    refused(refresh($first->{refresh_token}, client_id => 'other'), 400,
        'invalid_grant', 'of another client');

    refused(refresh($second->{refresh_token}, scope => 'openid users:write'),
        400, 'invalid_scope', 'no more than was granted');
    my $less = refresh($second->{refresh_token}, scope => 'openid');
    is($less->json->{scope}, 'openid', 'less');

    # The child was used: the grace is over.
    refused(refresh($first->{refresh_token}), 400, 'invalid_grant',
        'reused');
    refused(refresh($less->json->{refresh_token}), 400, 'invalid_grant',
        'which revokes the family');
    my $sid = claims($first->{access_token})->{sid};
    is($t->sql("SELECT end_reason FROM auth.session
                WHERE session_id = '$sid'"), 'reuse', 'the session is over');

    my $info = $o->http->get('/oauth/userinfo', headers => {
        Authorization => "Bearer $less->{json}{access_token}" });
    is($info->status, 401, 'userinfo knows it');
    my $seen = $o->post('/oauth/introspect',
        { token => $less->json->{access_token} }, headers => {
            Authorization => 'Basic ' . encode_base64('backend:s3cret', '') });
    is_deeply($seen->json, { active => from_json('false') },
        'so does introspection');
    refused($o->post('/oauth/introspect', { token => 'x',
        client_id => 'spa' }), 401, 'invalid_client',
        'which a public client cannot use');

    # A client's token cannot be used at the shop's own refresh.
    my $mine = redeem(code())->json->{refresh_token};
    problem_is($o->http->post('/api/v1/auth/refresh',
        json => { refresh_token => $mine }), 401, 'invalid-refresh-token');
};


subtest 'clients' => sub {
    my $basic = sub {
        my ($pair) = @_;
        return redeem(code(client_id => 'backend'), client_id => undef,
            headers => { Authorization => 'Basic '
                         . encode_base64($pair, '') });
    };
    is($basic->('backend:s3cret')->status, 200, 'the right secret');
    my $r = $basic->('backend:wrong');
    refused($r, 401, 'invalid_client', 'a wrong one');
    like($r->header('www-authenticate'), qr/^Basic /, 'a challenge');
    refused($basic->('nobody:s3cret'), 401, 'invalid_client', 'nobody');
    refused($basic->('backend:'), 401, 'invalid_client', 'an empty one');
    refused(redeem(code(client_id => 'backend'), client_id => 'backend'),
        401, 'invalid_client', 'none');
    refused(redeem(code(client_id => 'backend'), client_id => 'backend',
        client_secret => 's3cret'), 401, 'invalid_client',
        'another method than is registered');
    refused(redeem(code(client_id => 'backend'), client_id => 'spa',
        headers => { Authorization => 'Basic '
                     . encode_base64('backend:s3cret', '') }), 401,
        'invalid_client', 'two names');
    refused(redeem(code(), client_secret => 'x',
        headers => { Authorization => 'Basic '
                     . encode_base64('backend:s3cret', '') }), 400,
        'invalid_request', 'two methods');
    refused($o->post('/oauth/token', { grant_type => 'client_credentials',
        client_id => 'spa' }), 400, 'unauthorized_client',
        'a grant that is not the client\'s');
    refused($o->post('/oauth/token', { grant_type => 'password',
        client_id => 'spa' }), 400, 'unsupported_grant_type',
        'no password grant');
};


subtest 'private_key_jwt' => sub {
    my $n = 0;
    my %claims = (iss => 'keyed', sub => 'keyed', aud => $o->issuer,
        iat => time, exp => time + 60);
    my %header = (alg => 'ES256', typ => 'JWT', kid => $es256->{kid});
    my $ask = sub {
        my ($assertion) = @_;
        return $o->post('/oauth/token', { grant_type => 'client_credentials',
            client_assertion_type =>
                'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
            client_assertion => $assertion });
    };
    my $make = sub {
        my ($header, $claims, $key) = @_;
        my %h = (%header, %$header);
        my %c = (%claims, jti => 'j' . ++$n, %$claims);
        delete @h{ grep { !defined $h{$_} } keys %h };
        delete @c{ grep { !defined $c{$_} } keys %c };
        return $keys->sign(\%h, \%c, $key // 'es256');
    };

    my $good = $make->({}, {});
    is($ask->($good)->status, 200, 'a good one');
    refused($ask->($good), 401, 'invalid_client', 'again');

    for (['alg none', { alg => 'none' }, {}, 'none'],
         ['HS256 with a public key', { alg => 'HS256' }, {}, 'hs256'],
         ['another key', { alg => 'RS256', kid => $rs256->{kid} }, {},
          'rs256'],
         ['another key under its name', { alg => 'RS256' }, {}, 'rs256'],
         ['a key brought along', { jwk => $es256 }, {}],
         ['a key fetched', { jku => 'https://evil.example/' }, {}],
         ['crit', { crit => ['exp'] }, {}],
         ['an access token', { typ => 'at+jwt' }, {}],
         ['another audience', {}, { aud => 'https://other.example' }],
         ['no audience', {}, { aud => undef }],
         ['expired', {}, { exp => time - 60 }],
         ['without end', {}, { exp => undef }],
         ['for years', {}, { exp => time + 864000 }],
         ['not yet', {}, { nbf => time + 600 }],
         ['no jti', {}, { jti => undef }],
         ['another issuer', {}, { iss => 'other' }],
         ['for another client', {}, { iss => 'spa', sub => 'spa' }])
    {
        my ($name, @with) = @$_;
        refused($ask->($make->(@with)), 401, 'invalid_client', $name);
    }
};


subtest 'DPoP' => sub {
    my %public = map { $_ => $es256->{$_} } qw(kty crv x y);
    my $n = 0;
    my $proof = sub {
        my ($htm, $path, %with) = @_;
        my %header = (typ => 'dpop+jwt', alg => 'ES256', jwk => \%public,
                      %{ $with{header} // {} });
        my %claims = (jti => 'p' . ++$n, htm => $htm, iat => time,
                      htu => $o->issuer . $path, %{ $with{claims} // {} });
        delete @claims{ grep { !defined $claims{$_} } keys %claims };
        return $keys->sign(\%header, \%claims, $with{key} // 'es256');
    };
    my $ath = sub { encode_base64url(sha256($_[0])) };

    my $dpop = $proof->('POST', '/oauth/token');
    my $r = redeem(code(), headers => { DPoP => $dpop });
    is($r->status, 200, 'a good proof') or diag($r->body);
    my $tokens = $r->json;
    is($tokens->{token_type}, 'DPoP', 'a bound token');
    my $access = $tokens->{access_token};
    my $jkt = claims($access)->{cnf}{jkt};

    refused(redeem(code(), headers => { DPoP => $dpop }), 400,
        'invalid_dpop_proof', 'a replayed proof');

    for (['another address', ['POST', '/oauth/par']],
         ['another host', ['POST', '/oauth/token', claims =>
            { htu => 'https://evil.example/oauth/token' }]],
         ['another method', ['GET', '/oauth/token']],
         ['old', ['POST', '/oauth/token', claims => { iat => time - 600 }]],
         ['early', ['POST', '/oauth/token', claims => { iat => time + 600 }]],
         ['no jti', ['POST', '/oauth/token', claims => { jti => undef }]],
         ['alg none', ['POST', '/oauth/token', header => { alg => 'none' },
            key => 'none']],
         ['HS256', ['POST', '/oauth/token', header => { alg => 'HS256' },
            key => 'hs256']],
         ['a symmetric key', ['POST', '/oauth/token', header => {
            alg => 'HS256', jwk => { kty => 'oct', k => encode_base64url(
                $keys->secret) } }, key => 'hs256']],
         ['a private key', ['POST', '/oauth/token', header => {
            jwk => { %public, d => $public{x} } }]],
         ['another type', ['POST', '/oauth/token', header =>
            { typ => 'JWT' }]],
         ['another signature', ['POST', '/oauth/token', header =>
            { alg => 'RS256' }, key => 'rs256']])
    {
        my ($name, $with) = @$_;
        refused(redeem(code(), headers => { DPoP => $proof->(@$with) }), 400,
            'invalid_dpop_proof', $name);
    }

    # At an endpoint of the API, and at userinfo.

    my $use = sub {
        my ($scheme, $token, $proof) = @_;
        return $o->http->get('/oauth/userinfo', headers => {
            Authorization => "$scheme $token",
            defined $proof ? (DPoP => $proof) : () });
    };
    my $fits = sub {
        $proof->('GET', '/oauth/userinfo',
                 claims => { ath => $ath->($access), @_ })
    };
    my $once = $fits->();
    is($use->('DPoP', $access, $once)->status, 200, 'with a proof');

    for (['replayed', 'DPoP', $once],
         ['as Bearer', 'Bearer', undef],
         ['as Bearer with a proof', 'Bearer', $fits->()],
         ['without proof', 'DPoP', undef],
         ['without ath', 'DPoP', $fits->(ath => undef)],
         ['ath of another token', 'DPoP', $fits->(ath => $ath->('other'))],
         ['another method', 'DPoP', $fits->(htm => 'POST')],
         ['another address', 'DPoP', $fits->(htu => $o->issuer . '/x')],
         ['another key', 'DPoP', $proof->('GET', '/oauth/userinfo',
            claims => { ath => $ath->($access) }, key => 'rs256',
            header => { alg => 'RS256', jwk => { map { $_ => $rs256->{$_} }
                                                 qw(kty n e) } })])
    {
        my ($name, $scheme, $proof) = @$_;
        my $r = $use->($scheme, $access, $proof);
        problem_is($r, 401, 'invalid-token', $name);
    }

    my $bearer = redeem(code())->json->{access_token};
    problem_is($use->('DPoP', $bearer, $fits->(ath => $ath->($bearer))), 401,
        'invalid-token', 'a bearer token as DPoP');

    refused(refresh($tokens->{refresh_token}), 400, 'invalid_grant',
        'the refresh token of a public client without its key');
    is(refresh($tokens->{refresh_token}, headers => {
        DPoP => $proof->('POST', '/oauth/token') })->status, 200, 'with it');

    my $other = encode_base64url(sha256('another key'));
    refused(redeem(code(jkt => $other), headers => {
        DPoP => $proof->('POST', '/oauth/token') }), 400, 'invalid_grant',
        'a code that is bound to another key');
    refused(redeem(code(jkt => $jkt)), 400, 'invalid_grant', 'or to any');
    is(redeem(code(jkt => $jkt), headers => {
        DPoP => $proof->('POST', '/oauth/token') })->status, 200,
        'and to this one');
};


subtest 'tokens' => sub {
    my $userinfo = sub {
        $o->http->get('/oauth/userinfo',
                      headers => { Authorization => "Bearer $_[0]" })
    };
    my $tokens = redeem(code())->json;
    is($userinfo->($tokens->{access_token})->status, 200, 'an access token');
    problem_is($userinfo->($tokens->{id_token}), 401, 'invalid-token',
        'an ID token is no access token');

    my @good = (sub => $ada, scope => 'openid', iss => $o->issuer,
                sid => claims($tokens->{access_token})->{sid});
    is($userinfo->($t->token(@good))->status, 200, 'one with a known key');
    problem_is($userinfo->($t->token(@good, aud => 'other')), 401,
        'invalid-token', 'another audience');
    problem_is($userinfo->($t->token(@good, iss => 'https://evil.example')),
        401, 'invalid-token', 'another issuer');
    problem_is($userinfo->($t->token(@good, header => { alg => 'none' })),
        401, 'invalid-token', 'alg none');
    problem_is($userinfo->($t->token(@good, cnf => { kid => 'x' })), 401,
        'invalid-token', 'bound to what is not known');
    is($userinfo->($t->token(@good, scope => 'orders:read'))->status, 403,
        'without openid');
    is($o->http->get('/oauth/userinfo')->status, 401, 'none');
};


subtest 'two tenants' => sub {
    my $bob = $o->user('bob@example.com', tenant => 'elsewhere');
    my $code = $o->code(tenant => 'elsewhere', client_id => 'foreign',
        redirect_uri => $URI, user => $bob, verifier => $VERIFIER);
    refused(redeem($code, client_id => 'foreign'), 401, 'invalid_client',
        'a client of another tenant');
    refused(redeem($code), 400, 'invalid_grant', 'a code of another tenant');
    is($t->sql("SELECT used_ts IS NULL FROM auth.oauth_code
                WHERE tenant = 'elsewhere'"), 1, 'which is left alone');

    my $sid = $t->sql("SELECT auth.oauth_session('elsewhere', '$bob',
        'foreign', 'openid', NULL, now(), NULL, NULL, NULL, NULL,
        '" . Digest::SHA::sha256_hex('elsewhere.' . 'A' x 43) . "',
        interval '1 hour', '')");
    refused(refresh('elsewhere.' . 'A' x 43), 400, 'invalid_grant',
        'a refresh token of another tenant');
    my $token = $t->token(sub => $bob, tenant => 'elsewhere', sid => $sid,
        client_id => 'spa', iss => $o->issuer, scope => 'openid');
    my $seen = $o->post('/oauth/introspect', { token => $token }, headers => {
        Authorization => 'Basic ' . encode_base64('backend:s3cret', '') });
    is_deeply($seen->json, { active => from_json('false') },
        'introspection says nothing of it');
    $o->post('/oauth/revoke', { token => $token, client_id => 'spa' });
    is($t->sql("SELECT ended_ts IS NULL FROM auth.session
                WHERE session_id = '$sid'"), 1, 'nor is it revoked from here');
};


subtest 'registration' => sub {
    my $register = sub {
        my ($scope, %with) = @_;
        return $o->http->post('/oauth/register', json => {
            redirect_uris => [$URI], %with }, headers => $scope
            ? { Authorization => 'Bearer ' . $t->token(sub => $ada,
                iss => $o->issuer, scope => $scope) } : {});
    };
    refused($register->(undef), 401, 'invalid_token', 'without a token');
    refused($register->('users:write'), 403, 'insufficient_scope',
        'without the scope');
    is($register->('clients:write')->status, 201, 'with it');
    for my $uri ('http://shop.example/', 'https://shop.example/#x',
                 'javascript:alert(1)', 'https://a@shop.example/', 'data:,x')
    {
        refused($register->('clients:write', redirect_uris => [$uri]), 400,
            'invalid_redirect_uri', $uri);
    }
    refused($register->('clients:write', grant_types =>
        ['client_credentials'], scope => 'users:write'), 400,
        'invalid_client_metadata', 'no more than the registrar has');
    refused($register->('clients:write', grant_types => ['implicit']), 400,
        'invalid_client_metadata', 'no implicit flow');
    my $made = $register->('clients:write', trusted =>
        from_json('true'))->json;
    is($t->sql("SELECT trusted::int FROM auth.client
                WHERE client_id = '$made->{client_id}'"), 0,
        'nobody trusts himself');
    refused($o->http->get("/oauth/register/$made->{client_id}", headers => {
        Authorization => 'Bearer wrong' }), 401, 'invalid_token',
        'a wrong registration token');
    refused($o->http->delete('/oauth/register/spa', headers => {
        Authorization => "Bearer $made->{registration_access_token}" }), 401,
        'invalid_token', 'of another client');
};

done_testing;
