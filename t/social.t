#!/usr/bin/perl
# Signing in at a provider: npm's oidc-provider, and fakes that misbehave.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";

use Carmen::Test;
use Digest::SHA qw(sha256);
use File::Copy qw(copy);
use File::Path qw(make_path);
use IO::Socket::INET;
use MIME::Base64 qw(decode_base64url encode_base64url);

my ($node) = grep { -x } map { "$_/node" } split /:/, $ENV{PATH};
plan(skip_all => 'node is not installed') if !$node;

my @children;
END { local $?; kill 'TERM', @children if @children; }


sub free_port
{
    return IO::Socket::INET->new(LocalHost => '127.0.0.1', Listen => 1)
        ->sockport;
}


# Returns when the program says that it is ready; false when it ends before.

sub start
{
    my ($dir, @command) = @_;
    my $pid = open(my $out, '-|') // die "fork: $!";
    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        chdir $dir;
        exec @command or die "$command[0]: $!";
    }
    push @children, $pid;
    while (my $line = <$out>) {
        if ($line =~ /^ready/) {
            push @children, $pid;
            our @keep;
            push @keep, $out;
            return 1;
        }
        diag($line) if $line =~ /error/i;
    }
    return 0;
}


my $t = Carmen::Test->new(no_start => 1, log_level => 'info');
my $dir = $t->nginx->dir;
my $api = 'http://127.0.0.1:' . $t->port . '/api/v1';
my ($fake, $real) = (free_port(), free_port());

start("$FindBin::Bin/social", $node, 'fakes.mjs', $fake)
    or BAIL_OUT('the fakes do not start');
Carmen::Token::write_file("$dir/secret-of-shop", "a secret: of %the% shop\n");
chmod 0600, "$dir/secret-of-shop";

$t->nginx->{server} = <<"END";
        carmen_auth_social_redirect $api;
        carmen_auth_social_allow private plain;
        carmen_auth_social_timeout 5s;
        carmen_auth_social real oidc issuer=http://127.0.0.1:$real
            client=shop secret=$dir/secret-of-shop;
        carmen_auth_social_role real groups staff sales;
        carmen_auth_social_role real groups nobody admin;
        carmen_auth_social fake oidc issuer=http://127.0.0.1:$fake/op
            client=shop secret=$dir/secret-of-shop;
        carmen_auth_social second oidc issuer=http://127.0.0.1:$fake/op
            client=shop secret=$dir/secret-of-shop;
        carmen_auth_social doubtful oidc issuer=http://127.0.0.1:$fake/op
            client=shop email=untrusted;
        carmen_auth_social github github client=gh
            secret=$dir/secret-of-shop
            authorize=http://127.0.0.1:$fake/github/authorize
            token=http://127.0.0.1:$fake/github/token
            profile=http://127.0.0.1:$fake/github/user
            emails=http://127.0.0.1:$fake/github/emails;
        carmen_auth_social facebook facebook client=fb
            secret=$dir/secret-of-shop
            authorize=http://127.0.0.1:$fake/facebook/authorize
            token=http://127.0.0.1:$fake/facebook/token
            profile=http://127.0.0.1:$fake/facebook/me?fields=id,name;
END
$t->nginx->{workers} = 1;
$t->nginx->start;

my $c = $t->client;
my $control = Carmen::Http->new(port => $fake);


sub say_that
{
    my (%what) = @_;
    $control->post('/tell', json => \%what);
}


sub args
{
    my ($url) = @_;
    my ($query) = $url =~ /\?(.*)/;
    return map { s/%(..)/chr hex $1/ger } map { split /=/, $_, 2 }
        split /&/, $query;
}


# Away: what the browser has then.

sub away
{
    my ($provider, %with) = @_;
    my $r = $c->get("/api/v1/auth/social/$provider/start", %with);
    my ($cookie) = ($r->header('set-cookie') // '') =~ /^([^;]+)/;
    return { response => $r, cookie => $cookie, provider => $provider,
             url => scalar $r->header('location'),
             $r->status == 302 ? (args => { args($r->header('location')) })
                               : () };
}


sub back
{
    my ($away, %args) = @_;
    my $cookie = exists $args{cookie} ? delete $args{cookie}
                                      : $away->{cookie};
    my $provider = delete $args{provider} // $away->{provider};
    %args = (code => 'good', state => $away->{args}{state},
             iss => "http://127.0.0.1:$fake/op", %args);
    my $query = join '&', map {
        "$_=" . $args{$_} =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ger
    } grep { defined $args{$_} } sort keys %args;
    return $c->get("/api/v1/auth/social/$provider/callback?$query",
                   headers => { defined $cookie ? (Cookie => $cookie) : () });
}


sub claims_for
{
    my ($away, %claims) = @_;
    return { iss => "http://127.0.0.1:$fake/op", aud => 'shop', sub => 's1',
             nonce => $away->{args}{nonce}, iat => time, exp => time + 300,
             %claims };
}


# A whole sign-in at the fake provider.

sub sign_in
{
    my ($provider, $claims, %told) = @_;
    my $away = away($provider);
    say_that(claims => claims_for($away, %$claims), %told);
    return back($away);
}


sub sub_of
{
    my ($r) = @_;
    my $token = $r->json->{access_token} // do { diag($r->body); 'a.e30' };
    return from_json(decode_base64url((split /\./, $token)[1]))->{sub};
}


subtest 'away' => sub {
    my $away = away('fake');
    my ($r, %args) = ($away->{response}, %{ $away->{args} });
    is($r->status, 302, 'a redirect') or diag($r->body);
    like($away->{url}, qr{^http://127\.0\.0\.1:$fake/op/authorize\?},
         'to the endpoint that was discovered');
    is($args{response_type}, 'code', 'response_type');
    is($args{client_id}, 'shop', 'client_id');
    is($args{redirect_uri}, "$api/auth/social/fake/callback", 'redirect_uri');
    is($args{scope}, 'openid email profile', 'scope');
    is($args{code_challenge_method}, 'S256', 'PKCE');
    like($args{$_}, qr/^[\w-]{43}$/, "$_: 256 bits")
        for qw(state nonce code_challenge);
    like($r->header('set-cookie'), qr{^carmen-social=[\w-]{43};\ Path=/;
        \ Max-Age=600;\ HttpOnly;\ SameSite=Lax$}x, 'the cookie');
    is($r->header('cache-control'), 'no-store', 'nobody may keep it');

    is($t->sql('SELECT count(*) FROM auth.social_state WHERE state_hash = ?',
               Digest::SHA::sha256_hex($args{state})), 1,
       'the state is kept by its hash');
    isnt(away('fake')->{args}{state}, $args{state}, 'another each time');

    problem_is($c->get('/api/v1/auth/social/nobody/start'), 404, 'not-found');
};


subtest 'and back' => sub {
    my $away = away('fake');
    say_that(claims => claims_for($away, sub => 'ada', email => 'Ada@Example.com',
         email_verified => \1, name => 'Ada Lovelace', given_name => 'Ada',
         family_name => 'Lovelace'));
    $control->get('/heard');
    my $r = back($away, code => 'a+b c', session_state => 'x', scope => 'y');
    is($r->status, 200, 'tokens') or diag($r->body);
    like($r->json->{scope}, qr/users:self/, 'those of a customer');
    like($r->header('set-cookie'), qr/Max-Age=0/, 'the cookie goes');

    my $user = sub_of($r);
    my $row = $t->row('SELECT * FROM users."user" WHERE user_id = ?', $user);
    is($row->{email}, 'Ada@Example.com', 'the user has the address');
    is($row->{display_name}, 'Ada Lovelace', 'and the name');
    is_deeply($row->{roles}, ['customer'], 'and a role');
    is($t->sql(q{SELECT auth.has_password(c) FROM auth.credential c
                  WHERE user_id = ?}, $user), 0, 'and no password');

    my $heard = $control->get('/heard')->json->{'/op/token'}[0];
    my %sent = args("?$heard->{body}");
    is($sent{code}, 'a+b c', 'the code was sent as it came');
    is(encode_base64url(sha256($sent{code_verifier})),
       $away->{args}{code_challenge}, 'with the verifier');
    is($sent{client_secret}, 'a secret: of %the% shop', 'and the secret');

    my $again = sign_in('fake', { sub => 'ada' });
    is(sub_of($again), $user, 'the same user the next time');

    my $me = $c->with(token => $r->json->{access_token});
    json_is($me->get('/api/v1/users/me/social'), 200, { items => [
        { provider => 'fake', email => 'Ada@Example.com',
          displayName => 'Ada Lovelace' } ] }, 'the list');
    problem_is($me->delete('/api/v1/users/me/social/fake'), 409,
               'last-sign-in');
};


subtest 'a callback that is not one\'s own' => sub {
    my $away = away('fake');
    say_that(claims => claims_for($away, sub => 'eve'));
    problem_is(back($away, state => 'x' x 43), 400, 'invalid-sign-in',
               'a wrong state');
    problem_is(back($away, state => undef), 400, 'invalid-sign-in',
               'none');
    problem_is(back($away, cookie => undef), 400, 'invalid-sign-in',
               'no cookie');

    $away = away('fake');
    problem_is(back($away, cookie => away('fake')->{cookie}), 400,
               'invalid-sign-in', 'the cookie of another browser');
    problem_is(back($away), 400, 'invalid-sign-in', 'that was its only use');

    $away = away('fake');
    problem_is(back($away, provider => 'second'), 400, 'invalid-sign-in',
               'at another provider');

    $away = away('fake');
    problem_is(back($away, iss => 'https://evil.example'), 400,
               'invalid-sign-in', 'of another issuer (mix-up)');
    $away = away('fake');
    problem_is(back($away, iss => undef), 400, 'invalid-sign-in',
               'of none, when the provider says it names itself');

    $away = away('fake');
    say_that(claims => claims_for($away, sub => 'once'));
    is(back($away)->status, 200, 'a good one');
    problem_is(back($away), 400, 'invalid-sign-in', 'replayed');

    $away = away('fake');
    $t->sql('UPDATE auth.social_state SET expires_ts = now()');
    problem_is(back($away), 400, 'invalid-sign-in', 'too late');

    $away = away('fake');
    problem_is(back($away, code => undef, error => 'access_denied'), 403,
               'sign-in-refused', 'the provider refuses');
    problem_is($c->get('/api/v1/auth/social/fake/callback?state=a&state=b'),
               400, 'invalid-parameter', 'twice the state');
};


subtest 'an ID token that is not good' => sub {
    my %bad = (
        'of another issuer' => { iss => 'https://evil.example' },
        'of another audience' => { aud => 'others' },
        'of several, for another party' =>
            { aud => ['shop', 'others'], azp => 'others' },
        'of several, for nobody' => { aud => ['shop', 'others'] },
        'with another nonce' => { nonce => 'n' x 43 },
        'without a nonce' => { nonce => undef },
        'that has expired' => { exp => time - 100, iat => time - 200 },
        'that is old' => { iat => time - 3600 },
        'from the future' => { iat => time + 3600, exp => time + 7200 },
        'without a subject' => { sub => undef },
        'with a number as subject' => { sub => 17 },
    );
    for my $name (sort keys %bad) {
        problem_is(sign_in('fake', $bad{$name}), 403, 'sign-in-refused',
                   $name);
    }
    problem_is(sign_in('fake', {}, alg => 'none'), 403, 'sign-in-refused',
               'alg none');
    problem_is(sign_in('fake', {}, alg => 'HS256'), 403, 'sign-in-refused',
               'the public key as a shared one');
    problem_is(sign_in('fake', {}, alg => 'HS256', kid => 'shared'), 403,
               'sign-in-refused', 'a shared key of the set');
    problem_is(sign_in('fake', {}, key => 'two'), 403, 'sign-in-refused',
               'signed with another key');
    problem_is(sign_in('fake', {}, userinfo => { sub => 'another',
               email => 'x@example.com', email_verified => \1 }), 403,
               'sign-in-refused', 'userinfo of another subject');
    problem_is(sign_in('fake', {}, tokenStatus => 400), 403,
               'sign-in-refused', 'a code that is not good');
    problem_is(sign_in('fake', {}, tokenStatus => 500), 502,
               'provider-unavailable', 'a provider that is broken');
    is($t->sql(q{SELECT count(*) FROM auth.social_identity
                  WHERE subject = 's1'}), 0, 'nobody came in');
};


subtest 'an address is not enough' => sub {
    my %person = (email => 'owner@example.com', password =>
                  'correct horse battery staple');
    my $r = $c->post('/api/v1/users', json => \%person, key => 'owner');
    is($r->status, 201, 'somebody registers') or diag($r->body);
    my $owner = $r->json->{userId};

    problem_is(sign_in('fake', { sub => 'o1', email => 'owner@example.com',
                                 email_verified => \1 }), 409,
               'account-exists', 'a proved address, not proved here');
    my $other = sign_in('fake', { sub => 'o2', email => 'OWNER@example.com',
                                  email_verified => \0 });
    is($other->status, 200, 'an address that is not proved');
    isnt(sub_of($other), $owner, 'is a user of its own');
    is($t->sql('SELECT email FROM users."user" WHERE user_id = ?',
               sub_of($other)), undef, 'without the address');
    $other = sign_in('doubtful', { sub => 'o3', email => 'owner@example.com',
                                   email_verified => \1 });
    isnt(sub_of($other), $owner, 'nor when the provider is not trusted');

    my $first = sign_in('fake', { sub => 'g1', email => 'g@example.com',
                                  email_verified => \1 });
    my $joined = sign_in('second', { sub => 'g2', email => 'G@example.com',
                                     email_verified => 'true' });
    is(sub_of($joined), sub_of($first), 'proved here: the same user');
    problem_is(sign_in('second', { sub => 'g3', email => 'g@example.com',
                                   email_verified => \1 }), 409,
               'account-exists', 'but once a provider');

    $t->sql(q{INSERT INTO users."user" (tenant, email, roles)
              VALUES ('demo', 'made@example.com', '{sales}')});
    my $made = sign_in('fake', { sub => 'm1', email => 'made@example.com',
                                 email_verified => \1 });
    like($made->json->{scope}, qr/orders:manage/,
         'whom an administrator made, with the roles given');

    $t->sql('UPDATE auth.credential SET disabled_ts = now()
              WHERE user_id = ?', sub_of($made));
    problem_is(sign_in('fake', { sub => 'm1' }), 403, 'sign-in-refused',
               'a user who is disabled');
};


subtest 'linking' => sub {
    my $tokens = $c->post('/api/v1/auth/login', json => {
        email => 'owner@example.com',
        password => 'correct horse battery staple' })->json;
    my $me = $c->with(token => $tokens->{access_token});

    problem_is($c->post('/api/v1/users/me/social/fake'), 401, 'unauthorized');
    my $r = $me->post('/api/v1/users/me/social/fake');
    is($r->status, 200, 'begun') or diag($r->body);
    my %away = (provider => 'fake', args => { args($r->json->{url}) },
                cookie => $r->header('set-cookie') =~ s/;.*//r);

    say_that(claims => claims_for(\%away, sub => 'ada'));
    problem_is(back(\%away), 409, 'identity-conflict',
               'an account that is somebody else\'s');

    $r = $me->post('/api/v1/users/me/social/fake');
    %away = (provider => 'fake', args => { args($r->json->{url}) },
             cookie => $r->header('set-cookie') =~ s/;.*//r);
    say_that(claims => claims_for(\%away, sub => 'o1',
         email => 'owner@example.com', email_verified => \1));
    problem_is(back(\%away, cookie => 'carmen-social=' . 'A' x 43), 400,
               'invalid-sign-in', 'in the browser of a victim');

    $r = $me->post('/api/v1/users/me/social/fake');
    %away = (provider => 'fake', args => { args($r->json->{url}) },
             cookie => $r->header('set-cookie') =~ s/;.*//r);
    say_that(claims => claims_for(\%away, sub => 'o1'));
    json_is(back(\%away), 200, { provider => 'fake' }, 'linked');

    my $signed = sign_in('fake', { sub => 'o1' });
    is(sub_of($signed), sub_of_token($tokens), 'and it signs in');
    is($me->delete('/api/v1/users/me/social/fake')->status, 204, 'unlinked');
    problem_is($me->delete('/api/v1/users/me/social/fake'), 404,
               'not-found');
    is($t->sql(q{SELECT count(*) FROM core.audit
                  WHERE operation LIKE 'auth.identity.%'
                    AND reference_value = ?}, sub_of_token($tokens)), 2,
       'both are in the audit');
};


sub sub_of_token { from_json(decode_base64url((split /\./,
                       $_[0]{access_token})[1]))->{sub} }


subtest 'a second factor' => sub {
    my $r = sign_in('fake', { sub => 'two', email => 'two@example.com',
                              email_verified => \1 });
    my $claims = from_json(decode_base64url((split /\./,
        $r->json->{access_token})[1]));
    is_deeply($claims->{amr}, ['fed'], 'amr says that somebody else vouches');
    is($claims->{acr}, 'aal1', 'acr');

    $t->sql(q{INSERT INTO auth.totp (tenant, user_id, secret, confirmed_ts)
              VALUES ('demo', ?, 'JBSWY3DPEHPK3PXP', now())}, $claims->{sub});
    problem_is(sign_in('fake', { sub => 'two' }), 401, 'mfa-required',
               'is not got around');
};


subtest 'GitHub and Facebook' => sub {
    my $away = away('github');
    like($away->{url}, qr{/github/authorize\?}, 'GitHub');
    is($away->{args}{scope}, 'read:user user:email', 'its scope');
    ok(!exists $away->{args}{nonce}, 'no nonce');
    say_that(github => { id => 42, login => 'hub', name => undef,
                     email => 'owner@example.com' },
         emails => [{ email => 'x@example.com', primary => \0,
                      verified => \1 },
                    { email => 'hub@example.com', primary => \1,
                      verified => \1 }]);
    my $r = back($away, iss => undef);
    is($r->status, 200, 'signed in') or diag($r->body);
    my $row = $t->row('SELECT i.*, u.email AS mail FROM auth.social_identity i
                         JOIN users."user" u USING (tenant, user_id)
                        WHERE provider = ?', 'github');
    is($row->{subject}, '42', 'by number');
    is($row->{mail}, 'hub@example.com', 'the primary address');
    is($row->{display_name}, 'hub', 'a name');
    is($control->get('/heard')->json->{'/github/user'}[0]{headers}
       {authorization}, 'Bearer gh', 'the token was presented');

    $away = away('facebook');
    say_that(facebook => { id => '1000', name => 'Face', first_name => 'F',
                       email => 'owner@example.com' });
    $r = back($away, iss => undef);
    is($r->status, 200, 'Facebook') or diag($r->body);
    is($t->sql('SELECT u.email FROM users."user" u WHERE user_id = ?',
               sub_of($r)), undef, 'does not vouch for an address');

    $away = away('github');
    say_that(github => { id => '42' }, emails => []);
    problem_is(back($away, iss => undef), 403, 'sign-in-refused',
               'an id that is no number');
};


subtest 'keys change' => sub {
    is(sign_in('fake', { sub => 'ada' })->status, 200, 'the old key');
    problem_is(sign_in('fake', { sub => 'ada' }, key => 'two', kid => 'two',
                       published => ['one', 'two']), 403, 'sign-in-refused',
               'not fetched again at once for a key nobody knows');
    wait_until {
        sign_in('fake', { sub => 'ada' }, key => 'two', kid => 'two',
                published => ['one', 'two'])->status == 200
    } 'but soon', 20;
};


# A real provider.

SKIP: {
    my ($npm) = grep { -x } map { "$_/npm" } split /:/, $ENV{PATH};
    skip 'npm is not installed', 1 if !$npm;

    my $build = "$Carmen::Cluster::ROOT/.build/npm-social";
    my $source = "$FindBin::Bin/social";
    my $lock = Carmen::Nginx::slurp("$source/package-lock.json");
    make_path($build);

    if (Carmen::Nginx::slurp("$build/installed") ne $lock) {
        copy("$source/$_", "$build/$_") or die "$source/$_: $!"
            for qw(package.json package-lock.json);
        my $said = `cd '$build' && '$npm' ci --no-audit --no-fund --ignore-scripts 2>&1`;
        $? == 0 or skip "npm ci: $said", 1;
        Carmen::Token::write_file("$build/installed", $lock);
    }
    copy("$source/provider.mjs", "$build/provider.mjs") or die $!;

    my $away = away('real');
    problem_is($away->{response}, 502, 'provider-unavailable',
               'a provider that is not there');

    start($build, $node, 'provider.mjs', $real,
          "$api/auth/social/real/callback")
        or skip 'oidc-provider does not start', 1;

    for my $time (1, 2) {
        $away = away('real');
        my $url = $away->{url} // diag($away->{response}->body);
        my %jar;
        my $provider = Carmen::Http->new(port => $real,
                                         host_name => "127.0.0.1:$real");
        for (1 .. 8) {
            my ($path) = $url =~ m{^(?:http://127\.0\.0\.1:$real)?(/.*)};
            last if !defined $path || $url =~ /^\Q$api\E/;
            my $r = $provider->get($path, headers => { Cookie =>
                join '; ', map { "$_=$jar{$_}" } sort keys %jar });
            my $head = $r->head;
            $jar{$1} = $2 while $head =~ /^set-cookie: ([^=]+)=([^;\r]*)/gim;
            $url = $r->header('location') // diag($r->body);
        }
        like($url, qr/^\Q$api\E.*code=/, "time $time: it sends us back");
        my $r = back($away, args($url));
        is($r->status, 200, 'signed in') or diag($r->body);
        like($r->json->{scope}, qr/orders:manage/, 'with the mapped role');
        is($t->sql('SELECT email FROM users."user" WHERE user_id = ?',
                   sub_of($r)), 'grace@example.com',
           'the address from userinfo');
    }
}

$t->expect(qr/carmen: (?:an ID token|the tokens|fetching|discovery)/);
done_testing;
