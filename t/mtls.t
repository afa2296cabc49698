# Services that prove who they are by a TLS certificate.

use Carmen::Test;
use IO::Socket::INET;

plan(skip_all => 'curl is not installed')
    if !Carmen::Cluster::run_quietly('curl', '--version');

my $socket = IO::Socket::INET->new(LocalHost => '127.0.0.1', LocalPort => 0,
    Listen => 1, Proto => 'tcp') or die "no free port: $@";
my $port = $socket->sockport;
close $socket;

my $t = Carmen::Test->new(
    domains => ['auth', 'catalog'],
    no_start => 1,
    workers => 2,
    server => <<"END",
        listen 127.0.0.1:$port ssl;
        ssl_certificate {{DIR}}/server.crt;
        ssl_certificate_key {{DIR}}/server.key;
        ssl_client_certificate {{DIR}}/ca.crt;
        ssl_verify_client optional_no_ca;
        carmen_auth_mtls demo;
END
    locations => "        location /api/v1/auth/ {\n"
        . "            carmen_auth_endpoints;\n"
        . "            carmen_auth_mtls off;\n        }\n",
);
my $dir = $t->nginx->dir;
$t->nginx->{server} =~ s/\{\{DIR\}\}/$dir/g;


# A certificate by the CA, or by itself.

sub openssl { Carmen::Cluster::run('openssl', @_) }

sub certificate
{
    my ($name, $by) = @_;
    openssl(qw(req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj),
        "/CN=$name", '-keyout', "$dir/$name.key", '-out', "$dir/$name.csr");
    openssl(qw(x509 -req -days 1 -in), "$dir/$name.csr", '-out',
        "$dir/$name.crt", $by ? ('-CA', "$dir/$by.crt", '-CAkey',
        "$dir/$by.key", '-CAcreateserial') : ('-signkey', "$dir/$name.key"));
    my ($hex) = openssl(qw(x509 -noout -fingerprint -sha256 -in),
        "$dir/$name.crt") =~ /=([0-9A-F:]+)/;
    return $hex;
}

certificate('ca');
certificate('server', 'ca');
my $robot = certificate('robot', 'ca');
my $stranger = certificate('stranger', 'ca');
my $forged = certificate('forged');
$t->nginx->start;

# The answer over TLS: status and body.

sub ask
{
    my ($name, $path, @more) = @_;
    my @cert = $name ? ('--cert', "$dir/$name.crt", '--key', "$dir/$name.key")
                     : ();
    my $text = Carmen::Cluster::run('curl', '-s', '-k', '-w', '\n%{http_code}',
        @cert, @more, "https://127.0.0.1:$port$path");
    my ($body, $status) = $text =~ /^(.*)\n(\d+)\z/s;
    return wantarray ? ($status, $body) : $status;
}

my $hash = '$2b$04$abcdefghijklmnopqrstuuN2V6mZzVYyPzGdHjTmuU5X5sYvUmiCO';
my $service = $t->sql(<<"END");
    WITH id AS MATERIALIZED (SELECT core.uuid7() AS id),
    made AS MATERIALIZED (SELECT auth.credential_create('demo', id,
        'importer', '$hash', '{service}') FROM id)
    SELECT id FROM id, made
END
my $admin = $t->client(sub => 'boss', scope => 'users:read users:write');
my $PATH = '/api/v1/auth/certificates';
my $PRODUCTS = '/api/v1/products';

is(ask('robot', $PRODUCTS), 401, 'a certificate that nobody knows');
is(ask(undef, $PRODUCTS), 401, 'none at all');

my $r = $admin->post($PATH, key => 'c1', json => { userId => $service,
    name => 'the importer', fingerprint => $robot });
json_is($r, 201, { userId => $service, name => 'the importer',
    fingerprint => lc($robot =~ s/://gr), scopes => undef,
    usedDate => undef }, 'it gets to stand for a service account');
my $id = $r->json->{certificateId};
wait_until { ask('robot', $PRODUCTS) == 200 } 'and is let in', 8;
my ($status, $body) = ask('robot', '/api/v1/brands', '-H',
    'Content-Type: application/json', '-H', 'Idempotency-Key: b', '-d',
    '{"name":"By certificate"}');
is($status, 201, 'with what the account may do') or diag($body);
is($t->sql(q{SELECT employee_id FROM core.audit
    WHERE reference_value = ?}, from_json($body)->{brandId}), $service,
    'in its name');
wait_until { defined $admin->get("$PATH/$id")->json->{usedDate} }
    'its use is noted';
is(ask('stranger', $PRODUCTS), 401, 'another of the same CA is nobody');
is(ask('robot', '/api/v1/auth/sessions'), 401, 'nor where it is off');

is($admin->post($PATH, key => 'c2', json => { userId => $service,
    name => 'forged', fingerprint => $forged })->status, 201, 'known, but');
is(ask('forged', $PRODUCTS), 401, 'not of a CA that nginx trusts');
is(ask('robot', $PRODUCTS, '-H', 'Authorization: Bearer nonsense'), 401,
    'a token that is sent along counts');
is(ask('stranger', $PRODUCTS, '-H', 'Authorization: Bearer '
    . $t->token(scope => 'catalog:read')), 200, 'a good one, too');

problem_is($admin->post($PATH, key => 'c3', json => { userId => $service,
    name => 'again', fingerprint => $robot }), 409, 'conflict');
problem_is($admin->post($PATH, key => 'c4', json => { name => 'x',
    userId => $t->sql('SELECT core.uuid7()'), fingerprint => $stranger }),
    422, 'unknown-reference');
problem_is($admin->post($PATH, key => 'c5', json => { userId => $service,
    name => 'x', fingerprint => 'abc' }), 422, 'validation-failed');
problem_is($t->client(sub => $service, scope => 'users:self')->get($PATH),
    403, 'insufficient-scope');
is(scalar(() = list_all($admin, "$PATH?limit=1")), 2, 'the list');

is($admin->post($PATH, key => 'c6', json => { userId => $service,
    name => 'narrow', fingerprint => $stranger, scopes => ['users:self'] })
    ->status, 201, 'one with fewer scopes');
wait_until { ask('stranger', $PRODUCTS) == 403 } 'may do less', 8;

is($admin->delete("$PATH/$id")->status, 204, 'deleted');
wait_until { my @s = map { scalar ask('robot', $PRODUCTS) } 1 .. 4;
             !grep { $_ != 401 } @s } 'and nobody again, at once', 2;
problem_is($admin->delete("$PATH/$id"), 404, 'not-found');

$t->sql("SELECT auth.credential_disable('demo', '$service')");
wait_until { ask('stranger', $PRODUCTS) == 401 } 'the account is disabled', 2;

done_testing;
