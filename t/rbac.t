# Roles and permissions, what somebody may do and why, and the audit.

use Carmen::Test;

my $t = Carmen::Test->new(domains => ['auth', 'catalog']);
my $hash = '$2b$04$abcdefghijklmnopqrstuuN2V6mZzVYyPzGdHjTmuU5X5sYvUmiCO';
my $ROLES = '/api/v1/auth/roles';
my $PERMISSIONS = '/api/v1/auth/permissions';
my $serial = 0;
my ($true, $false) = map { from_json($_) } 'true', 'false';


sub account
{
    my ($login, $roles, $tenant) = @_;
    $tenant //= 'demo';
    return $t->sql(<<"END");
        WITH id AS MATERIALIZED (SELECT core.uuid7() AS id),
        made AS MATERIALIZED (SELECT auth.credential_create('$tenant', id,
            '$login\@example.com', '$hash', '{$roles}') FROM id)
        SELECT id FROM id, made
END
}


my $boss = account('boss', 'admin');
my $ada = account('ada', 'customer,sales');
my $admin = $t->client(sub => $boss, scope => $t->sql(
    "SELECT array_to_string(auth.scopes_of('demo', '$boss'), ' ')"));
my $c = $t->client(sub => $ada, scope => 'orders:read users:self');

subtest 'roles' => sub {
    is_deeply([map { $_->{role} } list_all($admin, "$ROLES?limit=2")],
        [qw(admin customer read-only sales service)],
        'those a tenant begins with');
    ok((grep { $_ eq 'audit:read' }
        @{ $admin->get("$ROLES/admin")->json->{permissions} }),
        'an administrator reads the audit');

    my $r = $admin->post($ROLES, key => 'r1', json => { role => 'picker',
        description => 'Picks.', permissions =>
            ['inventory:read', 'catalog:read', 'catalog:read'] });
    json_is($r, 201, { role => 'picker', description => 'Picks.',
        permissions => ['catalog:read', 'inventory:read'], version => 1 },
        'a new one');
    is($r->header('location'), "$ROLES/picker", 'where it is');
    problem_is($admin->post($ROLES, key => 'r2', json => {
        role => 'picker', permissions => [] }), 409, 'conflict');
    problem_is($admin->post($ROLES, key => 'r3', json => {
        role => 'Bad Name', permissions => [] }), 422, 'validation-failed');
    problem_is($admin->post($ROLES, key => 'r4', json => {
        role => 'x', permissions => ['a b'] }), 422, 'validation-failed');

    json_is($admin->put("$ROLES/picker", match => 1, json => {
        permissions => ['inventory:read'] }), 200,
        { permissions => ['inventory:read'], description => '',
          version => 2 }, 'replaced');
    problem_is($admin->put("$ROLES/picker", match => 1, json => {
        permissions => [] }), 412, 'precondition-failed');
    problem_is($admin->put("$ROLES/picker", json => { permissions => [] }),
        428, 'precondition-required');
    problem_is($admin->put("$ROLES/admin", match => 1, json => {
        permissions => ['users:read'] }), 422, 'validation-failed',
        'admin stays able to undo it');

    $t->sql("SELECT auth.roles_set('demo', '$ada',
        '{customer,sales,picker}')");
    problem_is($admin->delete("$ROLES/picker"), 409, 'conflict',
        'somebody has it');
    $t->sql("SELECT auth.roles_set('demo', '$ada', '{customer,sales}')");
    is($admin->delete("$ROLES/picker")->status, 204, 'nobody has it');
    problem_is($admin->get("$ROLES/picker"), 404, 'not-found');
    problem_is($admin->delete("$ROLES/admin"), 409, 'conflict');
    problem_is($c->get($ROLES), 403, 'insufficient-scope');
    is($admin->post($ROLES, key => 'r5', json => { role => 'picker',
        permissions => [] })->status, 201, 'the name is free again');
};


subtest 'permissions' => sub {
    json_is($admin->post($PERMISSIONS, key => 'p1', json => {
        permission => 'reports:print', description => 'Prints.' }), 201,
        { permission => 'reports:print', version => 1 }, 'a new one');
    problem_is($admin->post($PERMISSIONS, key => 'p2', json => {
        permission => 'reports:print' }), 409, 'conflict');
    json_is($admin->put("$PERMISSIONS/reports:print", match => 1,
        json => { description => 'Prints reports.' }), 200, { version => 2 });
    problem_is($admin->put("$PERMISSIONS/reports:print", match => 1,
        json => { description => '' }), 412, 'precondition-failed');
    my $role = $admin->get("$ROLES/sales");
    is($admin->put("$ROLES/sales", match => $role->version, json => {
        permissions => [@{ $role->json->{permissions} }, 'reports:print'] })
        ->status, 200, 'a role gets it');
    problem_is($admin->delete("$PERMISSIONS/reports:print"), 409, 'conflict',
        'a role has it');
    is($admin->post($PERMISSIONS, key => 'p3', json => {
        permission => 'unused' })->status, 201);
    is($admin->delete("$PERMISSIONS/unused", match => 1)->status, 204);
    is_deeply([map { $_->{permission} } list_all($admin, $PERMISSIONS)],
        ['reports:print'], 'the list');
};


sub check { my ($c, @checks) = @_; return $c->post('/api/v1/authz/check',
    json => { checks => [@checks] }) }
sub why { my ($c, %check) = @_; return $c->post('/api/v1/authz/explain',
    json => \%check) }

subtest 'checks' => sub {
    json_is(check($c, { permission => 'orders:read' },
        { permission => 'orders:manage' }), 200, { results => [
        { subject => $ada, permission => 'orders:read', allowed => $true },
        { permission => 'orders:manage', allowed => $false }] },
        'the caller: what the token says');
    json_is(check($admin, { subject => $ada, permission => 'orders:manage' },
        { subject => $ada, permission => 'reports:print' },
        { subject => $ada, permission => 'users:write' },
        { permission => 'users:write' }), 200, { results => [
            map { { allowed => $_ } } $true, $true, $false, $true] },
        'others: what their roles say, in the order of the checks');
    problem_is(check($c, { subject => $boss, permission => 'x' }), 403,
        'forbidden', 'others are for those who hold users:read');
    json_is(check($c, { subject => $ada, permission => 'orders:read' }), 200,
        { results => [{ allowed => $true }] }, 'by name it is oneself');
    problem_is(check($c), 422, 'validation-failed', 'none');
    problem_is(check($c, map { { permission => 'x' } } 1 .. 101), 422,
        'validation-failed', 'too many');

    json_is(why($c, permission => 'orders:manage'), 200,
        { allowed => $false, inToken => $false, roles => ['sales'],
          status => 'active', reason => qr/lacks the scope/ },
        'a role allows it, but not the token');
    json_is(why($admin, subject => $ada, permission => 'orders:read'),
        200, { allowed => $true, inToken => undef,
               roles => ['customer', 'sales'] }, 'two roles allow it');
    json_is(why($admin, subject => $ada, permission => 'users:write'),
        200, { allowed => $false, roles => [], reason => qr/^No role/ });
    json_is(why($admin, subject => $t->sql('SELECT core.uuid7()'),
        permission => 'orders:read'), 200,
        { allowed => $false, status => 'unknown' }, 'nobody');

    my $gone = account('gone', 'sales');
    $t->sql("SELECT auth.credential_disable('demo', '$gone')");
    json_is(why($admin, subject => $gone, permission => 'orders:manage'),
        200, { allowed => $false, status => 'disabled',
               roles => ['sales'] }, 'a role would, but he is disabled');
    my $stranger = $t->client(tenant => 'acme', sub => $boss,
                              scope => 'users:read');
    json_is(why($stranger, subject => $ada, permission => 'orders:read'),
        200, { allowed => $false, status => 'unknown' }, 'another tenant');
    problem_is($t->client->post('/api/v1/authz/check', json =>
        { checks => [{ permission => 'x' }] }), 401, 'unauthorized');
};


subtest 'audit' => sub {
    my $AUDIT = '/api/v1/auth/audit';
    my @all = list_all($admin, "$AUDIT?limit=3");
    cmp_ok(scalar @all, '>', 5, 'records');
    is_deeply([map { $_->{auditId} } @all],
        [reverse map { $_->{auditId} } list_all($admin,
            "$AUDIT?sort=createts&limit=4")], 'newest first, or oldest');
    json_is($admin->get("$AUDIT?operation=auth.role.created"
        . '&referenceValue=picker&limit=1&sort=createts'), 200, { items => [{
        operation => 'auth.role.created', actor => $boss,
        referenceType => 'role', referenceValue => 'picker',
        changes => { permissions => qr/ARRAY/ },
        createdDate => qr/Z$/ }] }, 'by operation and reference');
    is(scalar(() = list_all($admin, "$AUDIT?actor=$boss")), scalar(@all),
        'by actor');
    is_deeply([sort { $a cmp $b } map { $_->{operation} } list_all($admin,
        "$AUDIT?referenceType=permission&referenceValue=reports:print")],
        ['auth.permission.created', 'auth.permission.updated'],
        'by reference');

    my $middle = $all[int(@all / 2)]{createdDate};
    my @later = list_all($admin, "$AUDIT?from=$middle");
    my @earlier = list_all($admin, "$AUDIT?to=$middle");
    is(@later + @earlier, @all, 'by time: each is on one side');
    ok(!(grep { $_->{createdDate} lt $middle } @later), 'then or later');
    ok(!(grep { $_->{createdDate} gt $middle } @earlier), 'before');
    is(scalar(() = list_all($admin, "$AUDIT?to=1999-01-01T00:00:00Z")), 0,
        'long ago');

    problem_is($c->get($AUDIT), 403, 'insufficient-scope');
    problem_is($admin->get("$AUDIT?from=yesterday"), 400,
        'invalid-parameter');
    my $stranger = $t->client(tenant => 'acme', scope => 'audit:read');
    is_deeply($stranger->get($AUDIT)->json->{items}, [], 'another tenant');
};

done_testing;
